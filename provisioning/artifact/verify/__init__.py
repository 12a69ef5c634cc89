"""Whether artifacts and directories are what their manifests say."""
