"""Builder images with ONBUILD triggers, which no command of ours makes."""
import hashlib
import json
import shutil


def add_triggers(s2c, image, name, triggers, **config):
    """Stores a copy of an image, with triggers (None: without) and other members of its configuration."""
    layout = s2c.root.parent / "onbuild-layout"
    s2c.ok("save", image, f"oci:{layout}")
    index = json.loads((layout / "index.json").read_text())

    def blob(digest):
        return layout / "blobs" / digest.replace(":", "/")

    def put(document, descriptor):
        data = json.dumps(document).encode()
        descriptor["digest"] = "sha256:" + hashlib.sha256(data).hexdigest()
        descriptor["size"] = len(data)
        blob(descriptor["digest"]).write_bytes(data)

    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_bytes())
    document = json.loads(blob(manifest["config"]["digest"]).read_bytes())
    if triggers is not None:
        document["config"]["OnBuild"] = list(triggers)
    for key, value in config.items():
        document["config"][key] = value
    put(document, manifest["config"])
    put(manifest, index["manifests"][0])
    (layout / "index.json").write_text(json.dumps(index))
    loaded = s2c.ok("load", f"oci:{layout}").split("\n")[-1]
    s2c.ok("tag", loaded, name)
    shutil.rmtree(layout)
