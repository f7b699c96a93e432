"""Config files: what they may say, and what is said about them when they are wrong."""
