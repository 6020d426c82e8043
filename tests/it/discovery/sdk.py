"""Lists a simulated organization through the official SDK: sdk.py HOST:PORT"""

import os
import sys

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.organization.v20210331 import models, organization_client
from tencentcloud.sts.v20180813 import models as sts_models, sts_client

profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=sys.argv[1], reqTimeout=30))
keys = credential.Credential(os.environ["TENCENTCLOUD_SECRET_ID"], os.environ["TENCENTCLOUD_SECRET_KEY"])
client = organization_client.OrganizationClient(keys, "", profile)


def pages(call, request):
    items = []
    while True:
        request.Offset, request.Limit = len(items), 50
        answer = call(request)
        items += answer.Items
        if len(items) >= answer.Total:
            return items


members = pages(client.DescribeOrganizationMembers, models.DescribeOrganizationMembersRequest())
units = {member.NodeName for member in members}
print(f"{len(members)} members, {members[0].MemberUin} to {members[-1].MemberUin}, in {' '.join(units)}")
nodes = pages(client.DescribeOrganizationNodes, models.DescribeOrganizationNodesRequest())
print("units", *(node.Name for node in nodes))
request = models.DescribeOrganizationMemberAuthIdentitiesRequest()
request.IdentityId = 13
identities = pages(client.DescribeOrganizationMemberAuthIdentities, request)
print(f"{len(identities)} have identity {identities[0].IdentityId} as {identities[0].IdentityRoleName}")
print("manager", client.DescribeOrganization(models.DescribeOrganizationRequest()).HostUin)
sts = sts_client.StsClient(keys, "ap-guangzhou", profile)
print("caller", sts.GetCallerIdentity(sts_models.GetCallerIdentityRequest()).AccountId)
try:
    request = models.DescribeOrganizationMembersRequest()
    request.Offset, request.Limit = 0, 51
    client.DescribeOrganizationMembers(request)
except TencentCloudSDKException as error:
    print("wrong limit:", error.get_code())
