"""Readers of public data formats: name -> "module:function"."""

FORMATS = {"diffusion-policy-zarr": "dpbench.data.formats.diffusion_policy_zarr:read"}
