"""List the data sets that bpnet knows: their files, checksums, mirrors and class names."""

from dataclasses import dataclass

from bpnet.data.files.names import STEMS
from bpnet.data.files.remote import RemoteFile

DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True)
class KnownFile:
    """Describe one of the four files of a data set.

    Args:
        remote: the gzipped file as mirrors serve it.
        content_sha256: the checksum of the decompressed content, however it is packed here.
    """

    remote: RemoteFile
    content_sha256: str

    @property
    def stem(self) -> str:
        """Return the file's name without `.gz`."""
        return self.remote.name.removesuffix(".gz")


@dataclass(frozen=True)
class KnownDataset:
    """Describe a data set: training pictures and labels, test pictures and labels."""

    name: str
    files: tuple[KnownFile, ...]
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]


def _files(*sums: tuple[int, str, str]) -> tuple[KnownFile, ...]:
    return tuple(
        KnownFile(RemoteFile(f"{stem}.gz", size, sha256), content_sha256)
        for stem, (size, sha256, content_sha256) in zip(STEMS, sums, strict=True)
    )


MNIST = KnownDataset(
    name="mnist",
    files=_files(
        (
            9912422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        (
            28881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        (
            1648877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        (
            4542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    # The original host no longer answers.
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    class_names=DIGITS,
)

# The authors publish only the MD5 of the gzipped files: 8d4fb7e6c68d591d4c3dfef9ec88bf0d,
# 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79 and
# bb300cfdad3c16e7a12a480ee83cd310. The SHA-256 below, gzipped and decompressed, are those that
# several independent projects state for the same files, some of them with these MD5.
FASHION_MNIST = KnownDataset(
    name="fashion_mnist",
    files=_files(
        (
            26421880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        (
            29515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        (
            4422102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        (
            5148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    class_names=GARMENTS,
)

KNOWN = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST)}
