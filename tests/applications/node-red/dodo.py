from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()
LOCK = ["package.json", "package-lock.json"]
NPM = "npm ci --omit=dev --ignore-scripts --os=linux --cpu=arm64 --libc=glibc"


def task_provisioning():
    """The package, and what npm gathers for it."""
    yield {"basename": "npm", "actions": [NPM], "file_dep": LOCK, "targets": ["node_modules"]}
    yield from tasks()
