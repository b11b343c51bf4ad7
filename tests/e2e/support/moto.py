# SPDX-License-Identifier: Apache-2.0
"""moto (PyPI), which speaks AWS's protocols, as a server of its own that lets in who has signed with keys that it knows, and nobody
else."""

import json
import os
import shutil
import socket
import subprocess

import boto3
import pytest
from botocore.config import Config

from support.nginx import free_ports
from support.waiting import until

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


class Moto:
    REGION = "us-east-1"

    def __init__(self):
        binary = os.environ.get("CLAVIGER_MOTO") or shutil.which("moto_server")
        if not binary:
            pytest.skip("moto_server is not there: pip install 'moto[server]', or name it in CLAVIGER_MOTO")
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        # Before it looks at signatures it takes as many calls as it takes to make a user.
        self.process = subprocess.Popen([binary, "-H", "127.0.0.1", "-p", str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"})

        def listens():
            assert self.process.poll() is None, "moto_server has ended"
            with socket.socket() as made:
                return made.connect_ex(("127.0.0.1", port)) == 0
        until(listens, "moto_server to listen", patience=60)
        iam = self.client("iam", "AKIAFAKE", "fake")
        iam.create_user(UserName="fake")
        iam.put_user_policy(UserName="fake", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
        made = iam.create_access_key(UserName="fake")["AccessKey"]
        self.keys = made["AccessKeyId"], made["SecretAccessKey"]

    def client(self, service, access_key_id, secret_access_key):
        return boto3.client(service, endpoint_url=self.url, region_name=self.REGION, aws_access_key_id=access_key_id,
                            aws_secret_access_key=secret_access_key, config=ONCE)

    def stop(self):
        self.process.kill()
        self.process.wait()
