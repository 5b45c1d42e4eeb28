"""The same permission as a CloudFormation template.

A stack cannot attach a role to a cluster that it did not make: what is left to do stands in its outputs, as commands.
"""

import json
import textwrap

from deploy.sql.place import POLICY, Place


def text(place: Place) -> str:
    parts = {
        "aurora-mysql": (_clustered(place), _GROUP_PARAMETERS, _CONDITION, _role(place), _group(), _MYSQL_OUTPUTS),
        "aurora-postgresql": (_clustered(place), _role(place), _POSTGRESQL_OUTPUTS),
        "redshift": (_clustered(place), _role(place), _REDSHIFT_OUTPUTS),
        "athena": (_ATHENA_PARAMETERS, _ATHENA_CONDITION, _ATHENA, _ATHENA_OUTPUTS),
    }[place.engine]
    group = f"\n    Default: {json.dumps(place.group)}"
    return "".join((_head(place), *parts)).replace("\n    Default: GROUP", group)


def _head(place: Place) -> str:
    """Small letters, as SageMaker writes the names in its ARNs."""
    return f"""\
AWSTemplateFormatVersion: "2010-09-09"
Description: {place.name} may call one SageMaker endpoint
Parameters:
  Endpoint:
    Type: String
    Default: {json.dumps(place.endpoint.lower())}
    AllowedPattern: "[a-z0-9](-*[a-z0-9])*"
    Description: the endpoint's name in small letters, as its ARN has it; of this account and Region (Q-09)
"""


def _clustered(place: Place) -> str:
    default = f"\n    Default: {json.dumps(place.cluster)}" if place.cluster else ""
    return f"""\
  Cluster:
    Type: String{default}
    AllowedPattern: "[a-zA-Z](-?[a-zA-Z0-9])*"
    Description: the identifier of the cluster that is there
  RoleName:
    Type: String
    Default: {json.dumps(place.role)}
    Description: of the role that the cluster takes on; names are the account's, so another one in each Region
"""


_GROUP_PARAMETERS = """\
  ParameterGroup:
    Type: String
    Default: GROUP
    Description: the DB cluster parameter group, one of your own; AWS's default groups cannot be changed
  ParameterGroupFamily:
    Type: String
    Default: aurora-mysql8.0
    AllowedValues: [aurora-mysql5.7, aurora-mysql8.0, ""]
    Description: of the group that is made; empty where ParameterGroup is there already
"""
_CONDITION = """\
Conditions:
  MakesGroup: !Not [!Equals [!Ref ParameterGroupFamily, ""]]
"""


def _role(place: Place) -> str:
    return f"""\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref RoleName
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {{Service: {place.service}}}
            Action: sts:AssumeRole
      Policies:
        - PolicyName: {POLICY}
          PolicyDocument:
{textwrap.indent(_ALLOWED, "            ")}"""


_ALLOWED = """\
Version: "2012-10-17"
Statement:
  - Effect: Allow
    Action: sagemaker:InvokeEndpoint
    Resource: !Sub arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/${Endpoint}
"""


def _group() -> str:
    return """\
  Group:
    Type: AWS::RDS::DBClusterParameterGroup
    Condition: MakesGroup
    Properties:
      DBClusterParameterGroupName: !Ref ParameterGroup
      Family: !Ref ParameterGroupFamily
      Description: may call SageMaker endpoints
      Parameters:
        aws_default_sagemaker_role: !GetAtt Role.Arn
"""


_ROLE_ARN = """\
Outputs:
  RoleArn:
    Value: !GetAtt Role.Arn
"""
_MYSQL_OUTPUTS = f"""\
{_ROLE_ARN}\
  Step1Attach:
    Description: the cluster may use the role only once it is attached
    Value: !Sub aws rds add-role-to-db-cluster --db-cluster-identifier ${{Cluster}} --role-arn ${{Role.Arn}}
  Step2SetParameter:
    Description: Aurora MySQL takes the role that this parameter names
    Value: !Sub >-
      aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name ${{ParameterGroup}} --parameters
      ParameterName=aws_default_sagemaker_role,ParameterValue=${{Role.Arn}},ApplyMethod=pending-reboot
  Step3UseGroup:
    Description: a group that the cluster has already stays; at once, not in the maintenance window
    Value: !Sub >-
      aws rds modify-db-cluster --db-cluster-identifier ${{Cluster}}
      --db-cluster-parameter-group-name ${{ParameterGroup}} --apply-immediately
  Step4Reboot:
    Description: an instance reads the parameter when it starts; for each instance of the cluster
    Value: !Sub >-
      for each in $(aws rds describe-db-clusters --db-cluster-identifier ${{Cluster}}
      --query DBClusters[0].DBClusterMembers[].DBInstanceIdentifier --output text);
      do aws rds reboot-db-instance --db-instance-identifier $each; done
"""
_POSTGRESQL_OUTPUTS = f"""\
{_ROLE_ARN}\
  Step1Attach:
    Description: the cluster finds the role by its feature
    Value: !Sub >-
      aws rds add-role-to-db-cluster --db-cluster-identifier ${{Cluster}} --role-arn ${{Role.Arn}}
      --feature-name SageMaker
"""
_REDSHIFT_OUTPUTS = f"""\
{_ROLE_ARN}\
  Step1Attach:
    Description: the cluster may use the role only once it is associated
    Value: !Sub aws redshift modify-cluster-iam-roles --cluster-identifier ${{Cluster}} --add-iam-roles ${{Role.Arn}}
"""
_ATHENA_PARAMETERS = """\
  Role:
    Type: String
    Default: ""
    Description: the name of the role that runs the queries; empty to attach the policy yourself
"""
_ATHENA_CONDITION = """\
Conditions:
  HasRole: !Not [!Equals [!Ref Role, ""]]
"""
_ATHENA = f"""\
Resources:
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Description: Athena calls the endpoint as whoever runs the query
      Roles: !If [HasRole, [!Ref Role], !Ref "AWS::NoValue"]
      PolicyDocument:
{textwrap.indent(_ALLOWED, "        ")}"""
_ATHENA_OUTPUTS = """\
Outputs:
  PolicyArn:
    Value: !Ref Policy
"""
