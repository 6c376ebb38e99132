"""Where robomimic publishes its human demonstrations (Mandlekar et al. 2021).

Source: ARISE-Initiative/robomimic v0.5, `robomimic/__init__.py` (Hugging Face,
`v1.5/<task>/<people>/low_dim_v15.hdf5`; the former address `amandlek/robomimic` redirects there), revision of April
2025. The checksums are those that Hugging Face shows for that revision, as other projects quote them; the files could
not be downloaded here to compare them. Files with images are not published; images are rendered from the states.
"""

from __future__ import annotations

from dpbench.data.public import DatasetSpec

_ADDRESS = (
    "https://huggingface.co/datasets/robomimic/robomimic_datasets/resolve/74fa018461f479cd9fd15b924a16103012096203"
)
_NAMES = {"Lift": "lift", "Can": "can", "Square": "square", "ToolHang": "tool_hang", "Transport": "transport"}
_PEOPLE = {
    "ph": (200, "200 demonstrations by one proficient operator"),
    "mh": (300, "300 demonstrations by six operators of different skill"),
}
# (scene, people) -> bytes (0: unknown), steps (None: unknown), SHA-256 of the file.
_FILES: dict[tuple[str, str], tuple[int, int | None, str | None]] = {
    ("Lift", "ph"): (21_084_088, 9_666, "2067777cb8b532e9263dd09fd6448c41cc31224bb27be4a3b734010ae13eb540"),
    ("Can", "ph"): (46_889_752, 23_207, "3f2eb92e0a5025d0095e866ac16cc8092d6a762abe27dec90dbaff9027282962"),
    ("Square", "ph"): (51_145_256, 30_154, "45d8cabb6d57a4c03e839aa5e4b3e58fb60fe8bd20e1951fec563a2abfd14951"),
    ("ToolHang", "ph"): (198_601_752, None, "c5cb01b119a109a3d4842ca515906e86f1f35a8ee1a333d22b3503c1a513a8f4"),
    ("Transport", "ph"): (303_187_328, 93_752, "260515618f4c8b660e54171497ecceb08c7c6463691a9ce862b158bcacd950b4"),
    ("Lift", "mh"): (0, None, None),
    ("Can", "mh"): (0, 62_756, None),
    ("Square", "mh"): (0, None, None),
    ("Transport", "mh"): (0, None, None),
}


def archives(scene: str) -> tuple[DatasetSpec, ...]:
    """`robomimic/<task>/ph` of a scene and, where it exists, `robomimic/<task>/mh`."""
    found = []
    for (name, people), (size_bytes, n_steps, sha256) in _FILES.items():
        if name == scene:
            count, who = _PEOPLE[people]
            found.append(
                DatasetSpec(
                    name=f"robomimic/{_NAMES[scene]}/{people}",
                    format="robomimic-hdf5",
                    url=f"{_ADDRESS}/v1.5/{_NAMES[scene]}/{people}/low_dim_v15.hdf5",
                    size_bytes=size_bytes,
                    n_episodes=count,
                    n_steps=n_steps,
                    sha256=sha256,
                    source=f"{who}, Mandlekar et al. 2021 (robomimic), rendered for robosuite 1.5",
                )
            )
    return tuple(found)
