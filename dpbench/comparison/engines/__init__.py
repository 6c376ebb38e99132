"""Where the cells of a suite are computed: processes of this machine, a Ray cluster, Slurm."""
