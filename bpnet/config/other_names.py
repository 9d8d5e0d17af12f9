"""Know the names that other tools give to what a config holds, and what to write here instead."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bpnet.config.setting import ValueReader
from bpnet.config.settings import SECTIONS

KEYS = {  # names elsewhere, without - and _, for each key
    "data.dataset": "data datasource traindata trainset corpus",
    "data.path": "datapath dataroot dataset_dir datasetpath",
    "data.class_names": "classes labels labelnames target_names",
    "data.normalize": "normalise normalization normalisation scaling standardize",
    "data.validation": "val valid valsize valsplit validationsplit validationsize holdout "
    "validation_fraction valfraction devsize",
    "model.layers": "network net model architecture arch topology",
    "model.init": "initializer initialiser initialization weightinit kernelinitializer",
    "model.dtype": "precision float floattype double fp32 fp64 float32 float64",
    "train.loss": "cost costfunction criterion lossfn lossfunction objective",
    "train.epochs": "epoch nepochs numepochs numtrainepochs maxepochs nbepoch nepoch ep iterations "
    "maxiter niter passes e",
    "train.batch_size": "batch bs batchsize minibatch minibatchsize trainbatchsize "
    "perdevicetrainbatchsize b",
    "train.accumulate": "accumulation gradientaccumulation gradientaccumulationsteps accumsteps "
    "gradaccum gradaccumsteps accumulategradbatches accumulationsteps microsteps",
    "train.seed": "randomseed randomstate manualseed rng rngseed",
    "train.label_smoothing": "smoothing labelsmooth ls",
    "train.ema": "emadecay averaging swa polyak moving_average",
    "train.early_stopping": "patience earlystop earlystoppingpatience",
    "train.grad_clip": "clip clipping clipnorm clipgrad clipgradnorm gradclip gradientclipping "
    "gradientclipval maxgradnorm maxnorm clipvalue",
    "train.workers": "numworkers nworkers jobs njobs processes threads numthreads nproc cpus cores "
    "parallel",
    "train.blas_threads": "ompnumthreads blasthreads openblasthreads mklthreads",
    "optimizer.name": "optimizer optimiser optim opt solver updater",
    "optimizer.learning_rate": "lr eta learningrate learningrateinit stepsize alpha baselr maxlr "
    "initiallr rate",
    "optimizer.momentum": "mu mom momentumfactor",
    "optimizer.nesterov": "nesterovmomentum nesterovsmomentum nag",
    "optimizer.weight_decay": "wd decay l2 l2reg l2penalty lambda lmbda lam regularization "
    "regularisation weightdecay reg",
    "optimizer.beta1": "betas beta b1 adambeta1",
    "optimizer.beta2": "b2 adambeta2",
    "optimizer.epsilon": "eps adamepsilon",
    "optimizer.rho": "smoothingconstant decayrate",
    "optimizer.trust": "trustcoefficient trustratio larscoefficient",
    "schedule.name": "schedule scheduler lrscheduler lrschedule lrschedulertype lrpolicy decaytype",
    "schedule.warmup": "warmuppct warmupratio warmupfraction warmupepochs warmupsteps",
    "schedule.rise": "pctstart",
    "schedule.final": "minlr etamin finallr endlr",
    "schedule.step_epochs": "stepepoch decayevery milestones lrstep",
    "schedule.step_factor": "gamma lrgamma lrdecay decayfactor factor",
    "augment.shift": "translate translation widthshiftrange heightshiftrange randomcrop crop",
    "augment.rotate": "rotation rotationrange degrees angle randomrotation",
    "augment.scale": "zoom zoomrange resize randomscale",
    "augment.shear": "shearrange skew",
    "augment.elastic_alpha": "elastic elastictransform elasticdeformation",
    "augment.elastic_sigma": "sigma",
    "augment.thickness": "dilate erode strokewidth",
    "augment.cutout": "erasing randomerasing occlusion",
    "augment.flip": "mirror horizontalflip hflip fliplr randomhorizontalflip",
    "checkpoint.every": "saveevery savefreq savefrequency saveinterval savesteps saveperiod "
    "checkpointevery checkpointfreq",
}
SECTION_NAMES = {
    "network": "model",
    "net": "model",
    "architecture": "model",
    "dataset": "data",
    "hyperparameters": "train",
    "params": "train",
    "trainer": "train",
    "solver": "optimizer",
    "scheduler": "schedule",
    "lrscheduler": "schedule",
    "transforms": "augment",
    "saving": "checkpoint",
}
VALUES = {  # names of values elsewhere taken for keys or options
    "adam": "optimizer.name=adam",
    "adamw": "optimizer.name=adamw",
    "sgd": "optimizer.name=sgd",
    "rmsprop": "optimizer.name=rmsprop",
    "adagrad": "optimizer.name=adagrad",
    "lars": "optimizer.name=lars",
    "lamb": "optimizer.name=lamb",
    "cosine": "schedule.name=cosine",
    "onecycle": "schedule.name=one_cycle",
    "steplr": "schedule.name=step",
    "crossentropy": "train.loss=cross_entropy",
    "mse": "train.loss=mse",
    "bce": "train.loss=binary_cross_entropy",
    "fashion": "data.dataset=fashion_mnist",
    "mnist": "data.dataset=mnist",
    "fp16": "model.dtype=float32",
    "amp": "model.dtype=float32",
    "half": "model.dtype=float32",
}
LAYER = "layers stand in [model] layers, one per line"
PROCESSOR = "bpnet computes on the processor; --set train.workers=2 says on how many cores"
UNITS = f"hidden units are the value of a layer, as in `linear 30`: {LAYER}"
ADVICE = {  # names of what is no single key here
    **dict.fromkeys(["hidden", "hiddenlayers", "hiddenlayersizes", "hiddensize"], UNITS),
    **dict.fromkeys(["hiddenunits", "units", "neurons", "layersizes", "sizes"], UNITS),
    **dict.fromkeys(["nlayers", "numlayers"], LAYER),
    "dropout": f"dropout is a layer, such as `dropout 0.5`: {LAYER}",
    "dropoutrate": f"dropout is a layer, such as `dropout 0.5`: {LAYER}",
    "activation": f"an activation is a layer, such as `relu`: {LAYER}",
    "act": f"an activation is a layer, such as `relu`: {LAYER}",
    "nonlinearity": f"an activation is a layer, such as `relu`: {LAYER}",
    "relu": f"an activation is a layer: {LAYER}",
    "batchnorm": f"batch normalisation is a layer, `batchnorm`: {LAYER}",
    "bn": f"batch normalisation is a layer, `batchnorm`: {LAYER}",
    "kernelsize": f"it is a value of a layer, as in `conv 24 kernel=5`: {LAYER}",
    "channels": f"it is a value of a layer, as in `conv 24 kernel=5`: {LAYER}",
    "augment": "distortions have a section of their own, as in --set augment.rotate=8",
    "augmentation": "distortions have a section of their own, as in --set augment.rotate=8",
    "dataaugmentation": "distortions have a section of their own, as in --set augment.rotate=8",
    "gpu": PROCESSOR,
    "gpus": PROCESSOR,
    "cuda": PROCESSOR,
    "device": PROCESSOR,
    "devices": PROCESSOR,
    "accelerator": PROCESSOR,
    "mps": PROCESSOR,
    "tpu": PROCESSOR,
    "shuffle": "the training samples are shuffled in every epoch",
    "verbose": "each epoch is reported; there is nothing to switch on",
}
OPTIONS = {  # options of other tools, and those of `bpnet train` and other commands
    "output": "--run-dir",
    "out": "--run-dir",
    "outputdir": "--run-dir",
    "outdir": "--run-dir",
    "logdir": "--run-dir",
    "savedir": "--run-dir",
    "save": "--run-dir",
    "rundirectory": "--run-dir",
    "continue": "--resume",
    "resumefrom": "--resume",
    "resumefromcheckpoint": "--resume",
    "pretrained": "--from",
    "weights": "--from",
    "finetune": "--from",
    "init_from": "--from",
    "cfg": "--config",
    "conf": "--config",
    "preset": "--config",
    "model": "--checkpoint",
    "modelpath": "--checkpoint",
    "ckpt": "--checkpoint",
    "run": "--checkpoint",
    "threshold": "--min-probability",
    "topk": "--top",
    "k": "--top",
    "tta": "--views",
    "data": "--data-dir",
    "datadirectory": "--data-dir",
    "root": "--data-dir",
    "download": "--mirror",
    "url": "--mirror",
    "n_steps": "--steps",
    "numsteps": "--steps",
    "subset": "--split",
    "format=json": "--json",
    "check": "--dry-run",
    "dryrun": "--dry-run",
    "override": "--set",
    "param": "--set",
    "o": "--output",
    "file": "--output",
}


@dataclass(frozen=True)
class Meant:
    """Hold what a name from elsewhere means here.

    Args:
        key: `section.key`, or nothing where it is no single key.
        value: that it stands for, if it is the name of one.
        advice: what to do where it is no key.
    """

    key: str = ""
    value: str = ""
    advice: str = ""

    def to_set(self, value: str = "") -> str:
        """Return what to write after `--set`, or the advice.

        Args:
            value: what the user gave for it.
        """
        if not self.key:
            return self.advice
        given = self.value or value
        reader = reader_of(self.key)
        if given.lower() in reader.choices:
            given = given.lower()
        word = f"{self.key}={given or example(self.key)}"
        return f"--set {word if word.isprintable() and ' ' not in word else repr(word)}"


def plain(name: str) -> str:
    """Return a name without what tools write differently: case, - and _ and the section."""
    return name.rpartition(".")[2].lower().replace("-", "").replace("_", "")


def homes(key: str) -> list[str]:
    """Return the sections that have a key of that name."""
    return [
        name
        for name, section in SECTIONS.items()
        if key in {field.name for field in dataclasses.fields(section)}
    ]


NAMES = {
    plain(name): key
    for key, names in KEYS.items()
    for name in (key, *names.split())
    if len(homes(name.rpartition(".")[2])) < 2
}


def meant_by(name: str) -> Meant | None:
    """Return what a name from elsewhere means here, or None where nobody knows.

    Args:
        name: with or without a section before it.
    """
    if name in setting_readers():
        return Meant(name)
    last = name.rpartition(".")[2]
    if len(sections := homes(last)) == 1:
        return Meant(f"{sections[0]}.{last}")
    word = plain(name)
    if word in ADVICE:
        return Meant(advice=ADVICE[word])
    if word in VALUES:
        key, _, value = VALUES[word].partition("=")
        return Meant(key, value)
    return Meant(NAMES[word]) if word in NAMES else None


def section_meant_by(name: str) -> str | None:
    """Return the section that other tools call so, or None."""
    return SECTION_NAMES.get(plain(name))


def option_meant_by(name: str) -> str | None:
    """Return the option that other tools call so, or None."""
    return {plain(other): option for other, option in OPTIONS.items()}.get(plain(name))


def setting_readers() -> dict[str, ValueReader[object]]:
    """Return what reads each setting, by `section.key`."""
    return {
        f"{name}.{field.name}": field.metadata["read"]
        for name, section in SECTIONS.items()
        for field in dataclasses.fields(section)
    }


def reader_of(key: str) -> ValueReader[object]:
    """Return what reads the setting `section.key`, which must be one."""
    return setting_readers()[key]


def example(key: str) -> str:
    """Return a value to show: the default where it is one word, else a choice."""
    section, _, name = key.partition(".")
    field = {field.name: field for field in dataclasses.fields(SECTIONS[section])}[name]
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    if isinstance(field.default, (int, float, str)) and field.default != "":
        return str(field.default)
    return "…"
