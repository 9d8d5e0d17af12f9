"""Speak with shells: the scripts that they load, and answers to what those ask.

What a script asks, `bash_complete` for example, stands in the environment. The answer is a word in
each line, `WORD` or `WORD<tab>HELP`. A word that ends with `/` or `=` is followed by no blank.
"""

from __future__ import annotations

import os
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
GOES_ON = ("/", "=")

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
        given, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
        words, self.typed = joined(given[: place + 1] + [""] * (place + 1 - len(given)))
        return unquoted(words)[1:], "".join(unquoted([self.typed]))

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word, without the part that bash does not replace."""
        kept = max(self.typed.rfind("="), self.typed.rfind(":")) + 1
        return item.value[kept:] if item.value.startswith(self.typed[:kept]) else item.value


class Zsh(ZshComplete):
    """Complete words in zsh."""

    source_template = ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        given, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
        words = unquoted(given)
        return words[1:place], words[place] if place < len(words) else ""

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word and its help."""
        return f"{item.value}\t{item.help}" if item.help else item.value


class Fish(FishComplete):
    """Complete words in fish."""

    source_template = FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        words = unquoted(os.environ["COMP_WORDS"].split("\n"))
        return words[1:], "".join(unquoted([os.environ["COMP_CWORD"]]))

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word and its help."""
        return f"{item.value}\t{item.help}" if item.help else item.value


KINDS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def unquoted(words: list[str]) -> list[str]:
    """Return words without the quotes and backslashes with which they were typed."""
    return ["".join(split_arg_string(word)[:1]) for word in words]


def joined(words: list[str]) -> tuple[list[str], str]:
    """Put together what bash has split at `=` and `:`; return the last word apart."""
    found: list[str] = []
    is_open = False
    for word in words:
        is_sign = bool(found) and word in ("=", ":")
        if is_sign or (is_open and word):
            found[-1] += word
        elif not is_open:
            found.append(word)
        is_open = is_sign
    if is_open is False and words[-1:] == [""] and found[-1:] != [""]:
        return found[:-1], found[-1]
    return found[:-1], found[-1]


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
