"""Asks DescribeVulScanInfo through the official SDK, and prints a line for each answer: its status, or the error.

    sdk.py HOST:PORT METHOD N_REQUESTS KIND

KIND says where the SDK takes its keys from:
    env           TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY
    assume_role   the role in ROLE_ARN, assumed with those
    tke_oidc      the four variables TKE_...
    cvm_role      the metadata service
"""

import functools
import os
import sys

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tcss.v20201101 import models, tcss_client


def assume_role():
    keys = credential.EnvironmentVariableCredential().get_credential()
    return credential.STSAssumeRoleCredential(
        keys.secret_id, keys.secret_key, os.environ["ROLE_ARN"], "sdk", endpoint=endpoint
    )


def tke_oidc():
    keys = credential.DefaultTkeOIDCRoleArnProvider().get_credential()
    keys.endpoint = endpoint
    return keys


def cvm_role():
    # The SDK offers no way to another host than the real one.
    credential.CVMRoleCredential._role_endpoint = f"http://{endpoint}/latest/meta-data/cam/security-credentials/"
    return credential.CVMRoleCredential()


kinds = {
    "env": lambda: credential.EnvironmentVariableCredential().get_credential(),
    "assume_role": assume_role,
    "tke_oidc": tke_oidc,
    "cvm_role": cvm_role,
}

endpoint, method, n_requests, kind = sys.argv[1:]
# The SDK lets one choose the host of STS, but not plain HTTP for it.
credential.HttpProfile = functools.partial(HttpProfile, protocol="http")
http = HttpProfile(protocol="http", endpoint=endpoint, reqMethod=method, reqTimeout=30)
keys = kinds[kind]()
client = tcss_client.TcssClient(keys, "ap-guangzhou", ClientProfile(httpProfile=http))

for _ in range(int(n_requests)):
    try:
        scan = client.DescribeVulScanInfo(models.DescribeVulScanInfoRequest())
        print(scan.Status, scan.FoundVulCount, scan.LocalTaskID)
    except TencentCloudSDKException as error:
        print(error.get_code())
