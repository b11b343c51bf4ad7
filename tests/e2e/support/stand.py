# SPDX-License-Identifier: Apache-2.0
"""A gateway of one worker between a caller and a Recorder, for all the tests of a file."""

from support import resources as yaml
from support.gateway import Gateway
from support.keys import make_api_key
from support.recorder import Recorder


class Stand:
    """The upstream is "raw"; its credential is `secret`. The caller may use `paths` of it, or all."""

    def __init__(self, directory, secret, paths=None, answers=None, **limits):
        self.secret = secret
        self.upstream = Recorder()
        self.key = make_api_key()
        resources = yaml.simple("raw", self.upstream.url(), self.key, answers=answers)
        if paths:
            resources[-1] = yaml.grant("caller", "raw", paths=paths)
        self.gateway = Gateway(directory, resources, env={"E2E_SECRET": secret},
                               config={"gateway": {"workers": 1}, "limits": limits})
        self.gateway.start()

    def stop(self):
        self.gateway.stop()
        self.upstream.stop()
