# SPDX-License-Identifier: Apache-2.0
"""AWS Secrets Manager as far as GetSecretValue goes, behind signatures that the SDK's own code checks."""

import json

from support.aws import Aws, need


class SecretsManager(Aws):
    def __init__(self, access_key_id, secret_access_key, session_token=None, region="eu-central-1", identity=None):
        self.values = {}  # name to SecretString; bytes: SecretBinary
        self.error = None  # (status, type): said to everything
        super().__init__("secretsmanager", access_key_id, secret_access_key, session_token, region, identity)

    def answer(self, seen):
        need((seen.method, seen.target) == ("POST", "/"), "no call of Secrets Manager")
        need(seen.get("x-amz-target") == "secretsmanager.GetSecretValue", "another operation")
        need(seen.get("content-type") == "application/x-amz-json-1.1", "another content type")
        asked = json.loads(seen.raw_body)
        need(set(asked) == {"SecretId"}, f"asks with {sorted(asked)}")
        if self.error:
            return self.say(self.error[0], {"__type": self.error[1], "message": "fake"})
        value = self.values.get(asked["SecretId"])
        if value is None:
            return self.say(400, {"__type": "com.amazonaws.secretsmanager#ResourceNotFoundException", "Message": "fake"})
        made = {"ARN": "arn:aws:fake", "Name": asked["SecretId"], "VersionId": "fake", "VersionStages": ["AWSCURRENT"], "CreatedDate": 1.5}
        return self.say(200, made | ({"SecretBinary": "ZmFrZQ=="} if isinstance(value, bytes) else {"SecretString": value}))

    @staticmethod
    def say(status, what):
        return status, json.dumps(what).encode(), {"Content-Type": "application/x-amz-json-1.1"}
