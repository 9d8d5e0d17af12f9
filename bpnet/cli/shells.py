"""Speak with shells: the scripts that they load, and answers to what those ask.

What a script asks, `bash_complete` for example, stands in the environment. The answer is a word in
each line, `WORD` or `WORD<tab>HELP`. A word that ends with `/` or `=` is followed by no blank.
"""

from __future__ import annotations

import os
import re
import sys

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

ASKED = "_BPNET_COMPLETE"  # where a script says what it asks
BREAKS = ("=", ":")  # where bash splits words
SPECIAL = re.compile(r"[^\w@%+=:,./~-]")  # characters that bash would not take for a part of a word

# An older bash, such as that of macOS, sorts words, and cannot leave a blank out for some of them.
BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' found
    found=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=($found)
    case "${COMPREPLY[0]}" in
        */ | *=) compopt -o nospace 2>/dev/null ;;
    esac
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||
    complete -F %(complete_func)s %(prog_name)s
"""
ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local line word
    local -a ended shown_ended open shown_open
    (( ! $+commands[%(prog_name)s] )) && [[ "${words[1]}" != */* ]] && return 1
    for line in "${(@f)$(env COMP_WORDS="${(F)words}" COMP_CWORD=$((CURRENT - 1)) \\
            %(complete_var)s=zsh_complete "${words[1]}" 2>/dev/null)}"; do
        [[ -z $line ]] && continue
        word=${line%%%%$'\\t'*}
        case $word in
            */ | *=) open+=("$word"); shown_open+=("${line/$'\\t'/  -- }") ;;
            *) ended+=("$word"); shown_ended+=("${line/$'\\t'/  -- }") ;;
        esac
    done
    (( $#ended )) && compadd -V words -l -d shown_ended -a ended
    (( $#open )) && compadd -V parts -S '' -l -d shown_open -a open
    return 0
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef %(complete_func)s %(prog_name)s
fi
"""
FISH = """\
function %(complete_func)s
    set -lx COMP_WORDS (string join \\n -- (commandline -opc) | string collect)
    set -lx COMP_CWORD (commandline -t | string collect)
    set -lx %(complete_var)s fish_complete
    set -l words (commandline -opc)
    $words[1] 2>/dev/null
end
complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class Bash(BashComplete):
    """Complete words in bash, which splits them at `=` and `:`."""

    source_template = BASH

    @staticmethod
    def _check_version() -> None:
        """Ask no bash for its version: the script works in any."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one, put together again."""
        given, place = given_words()
        given = [*given, ""][: place + 1]
        *words, self.typed = joined(given)
        replaced = 0 if given[-1] in BREAKS else len(given[-1])
        self.kept = len(self.typed) - replaced
        return unquoted(words)[1:], "".join(unquoted([self.typed]))

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word, without the part that bash does not replace."""
        return SPECIAL.sub(r"\\\g<0>", whole(self.typed, item.value)[self.kept :])


class Zsh(ZshComplete):
    """Complete words in zsh."""

    source_template = ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        given, place = given_words()
        words = unquoted([*given, ""][: place + 1])
        self.typed = words[-1]
        return words[1:-1], self.typed

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word and its help."""
        return with_help(whole(self.typed, item.value), item)


class Fish(FishComplete):
    """Complete words in fish."""

    source_template = FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        words = unquoted(os.environ["COMP_WORDS"].split("\n"))
        self.typed = "".join(unquoted([os.environ["COMP_CWORD"]]))
        return words[1:], self.typed

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word and its help."""
        return with_help(whole(self.typed, item.value), item)


def given_words() -> tuple[list[str], int]:
    """Return the words of the line, and which of them is typed."""
    return os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])


def whole(typed: str, value: str) -> str:
    """Return a value with the option before it, where that was typed in the same word."""
    is_value = typed.startswith("--") and not value.startswith("--")
    return typed[: typed.find("=") + 1] * is_value + value


def with_help(word: str, item: CompletionItem) -> str:
    """Return a word, and what is told of it behind a tabulator."""
    return f"{word}\t{item.help}" if item.help else word


KINDS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def unquoted(words: list[str]) -> list[str]:
    """Return words without the quotes and backslashes with which they were typed."""
    return ["".join(split_arg_string(word)[:1]) for word in words]


def joined(words: list[str]) -> list[str]:
    """Put together what bash has split at `=` and `:`."""
    found: list[str] = []
    is_open = False  # a sign has just been joined
    for word in words:
        is_sign = word in BREAKS and bool(found)
        if is_sign or is_open:
            found[-1] += word
        else:
            found.append(word)
        is_open = is_sign
    return found


def script(shell: str, name: str) -> str:
    """Return the script that a shell loads.

    Args:
        shell: bash, zsh or fish.
        name: of the program whose words are completed.
    """
    from bpnet.cli.group import cli

    return KINDS[shell](cli, {}, name, ASKED).source()


def answer(question: str) -> int:
    """Print what may complete a word, as a script asks; return an exit code.

    Args:
        question: such as `bash_complete`.
    """
    from bpnet.cli.group import cli

    shell, _, what = question.partition("_")
    if shell not in KINDS or what != "complete":
        return 1
    found = KINDS[shell](cli, {}, "bpnet", ASKED)
    words, typed = found.get_completion_args()
    lines = [
        found.format_completion(item)
        for item in found.get_completions(words, typed)
        if item.value.isprintable() and (item.help or "").isprintable()
    ]
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
    sys.stdout.flush()
    return 0
