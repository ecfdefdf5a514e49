"""Every choke point of a build fails once: each time a sentence and a status, nothing left
behind, and a store that is whole. Needs a build with -Dfault=true."""
import re

import pytest



def test_every_fault_point_of_a_build(s2c, builder, app, tmp_path):
    log = tmp_path / "points"
    s2c.ok("build", app, "builder/test", "first", env={"S2C_FAULT_LOG": str(log)})
    if not log.exists():
        pytest.skip("this build has no fault points (-Dfault=true)")
    points = log.read_text().split("\n")[:-1]
    assert len(points) > 20, points
    listed = s2c.ok("images")
    survived = []
    for number, point in enumerate(points, 1):
        done = s2c.run("build", app, "builder/test", "faulty", env={"S2C_FAULT": str(number)})
        context = f"{number} {point}: {done.returncode}\n{done.stderr}"
        if done.returncode == 0:
            # Failing to tidy up is not a failure of the build.
            survived.append(point)
            s2c.ok("rmi", "faulty")
        else:
            assert done.returncode in (1, 2, 3), context
            assert re.search(r"^s2c: .", done.stderr.rstrip("\n").split("\n")[-1]), context
        s2c.ok("images")
        s2c.assert_clean()
    assert len(survived) < len(points) / 2, survived
    check = s2c.run("prune", "--check")
    assert check.returncode == 0, check.stderr
    assert s2c.ok("images").split("\n")[1:] == listed.split("\n")[1:]
    s2c.ok("build", app, "builder/test", "last")


