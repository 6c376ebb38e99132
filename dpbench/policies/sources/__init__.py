"""Where policies come from: zoo folders, scripted policies, Stable-Baselines3 files, one file each."""
