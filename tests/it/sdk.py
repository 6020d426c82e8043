"""Asks DescribeVulScanInfo through the official SDK, and prints a line for each answer: its status, or the error.

    TENCENTCLOUD_SECRET_ID=... TENCENTCLOUD_SECRET_KEY=... sdk.py HOST:PORT METHOD N_REQUESTS
"""

import sys

from tencentcloud.common.credential import EnvironmentVariableCredential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tcss.v20201101 import models, tcss_client

endpoint, method, n_requests = sys.argv[1:]
http = HttpProfile(protocol="http", endpoint=endpoint, reqMethod=method, reqTimeout=30)
credential = EnvironmentVariableCredential().get_credential()
client = tcss_client.TcssClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))

for _ in range(int(n_requests)):
    try:
        scan = client.DescribeVulScanInfo(models.DescribeVulScanInfoRequest())
        print(scan.Status, scan.FoundVulCount, scan.LocalTaskID)
    except TencentCloudSDKException as error:
        print(error.get_code())
