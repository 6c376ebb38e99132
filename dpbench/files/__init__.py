"""Files and folders: written whole or not at all, locked while they are written, and read without trust."""
