#!/bin/sh
# Aurora PostgreSQL may call one SageMaker endpoint. Needs the AWS CLI; run it again whenever you like.
set -eu
export AWS_PAGER=
endpoint=sagemaker-mxnet-2020
cluster=${CLUSTER:?the identifier of the cluster}
role=aurora-postgresql-sagemaker-mxnet-2020

# The endpoint's ARN: what the policy below allows, and nothing else. An engine calls endpoints of its own account and
# Region only (Q-09), so that this fails where the cluster's Region is not the CLI's.
arn=$(aws sagemaker describe-endpoint --endpoint-name "$endpoint" --query EndpointArn --output text)
region=$(echo "$arn" | cut -d: -f4) # IAM has none: a policy of each Region's own, in one role or user
allowed='{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "'$arn'"}]}'

# What is asked about the cluster; and whether it is of this engine at all.
of_cluster() { # QUERY
    aws rds describe-db-clusters --db-cluster-identifier "$cluster" --query "DBClusters[0].$1" --output text
}
found=$(of_cluster "[Engine, EngineVersion, DBClusterParameterGroup, DBSubnetGroup]")
engine=$(echo "$found" | cut -f1) version=$(echo "$found" | cut -f2)
current=$(echo "$found" | cut -f3) subnets=$(echo "$found" | cut -f4)
if [ "$engine" != aurora-postgresql ]; then
    echo "$cluster is $engine, and not aurora-postgresql: make this script with --engine $engine" >&2
    exit 2
fi

# The role that Aurora takes on: nobody else can, and it may invoke this endpoint and do nothing else.
role_arn=$(aws iam get-role --role-name "$role" --query Role.Arn --output text 2>/dev/null || :)
if [ -z "$role_arn" ]; then
    role_arn=$(aws iam create-role --role-name "$role" --query Role.Arn --output text --assume-role-policy-document \
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}')
    aws iam wait role-exists --role-name "$role"
fi
aws iam put-role-policy --role-name "$role" --policy-name "invoke-endpoint-$region" \
    --policy-document "$allowed"
echo "role $role_arn"

# The cluster may use the role only once it is attached. Aurora PostgreSQL finds it by its feature; Aurora MySQL by the
# parameter below, and refuses a feature that its version does not list.
feature=SageMaker
if [ "$engine" = aurora-mysql ]; then
    feature=$(aws rds describe-db-engine-versions --engine "$engine" --engine-version "$version" \
        --query "DBEngineVersions[0].SupportedFeatureNames[?@=='SageMaker']" --output text 2>/dev/null || :)
    [ "$feature" = SageMaker ] || feature=
fi
look() { status=$(of_cluster "AssociatedRoles[?RoleArn=='$role_arn'].Status | [0]"); }
look
if [ "$status" = None ]; then
    aws rds add-role-to-db-cluster --db-cluster-identifier "$cluster" --role-arn "$role_arn" \
        ${feature:+--feature-name "$feature"}
    look
fi
tries=0
while [ "$status" != ACTIVE ]; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { echo "the role is $status after 5 minutes, not ACTIVE" >&2; exit 1; }
    sleep 5
    look
done
echo "attached to $cluster"

# The calls leave the cluster's network by HTTPS: a security group has to let them out, and a route (or an interface
# endpoint of SageMaker's runtime) has to lead there. What looks wrong is said, and changed by nobody.
groups=$(of_cluster "VpcSecurityGroups[].VpcSecurityGroupId")
out=0
for each in $groups; do
    rules=$(aws ec2 describe-security-groups --group-ids "$each" --output text --query \
        "SecurityGroups[].IpPermissionsEgress[?IpProtocol=='-1' || (FromPort<=\`443\` && ToPort>=\`443\`)][]
            .IpProtocol")
    [ -z "$rules" ] || out=1
done
[ $out = 1 ] || echo "check: no security group of $cluster (${groups:-none}) lets port 443 out" >&2
vpc=$(aws rds describe-db-subnet-groups --db-subnet-group-name "$subnets" \
    --query 'DBSubnetGroups[0].VpcId' --output text 2>/dev/null || :)
if [ -z "$vpc" ] || [ "$vpc" = None ]; then
    echo "check: the VPC of $cluster could not be found; does a route lead from it to SageMaker?" >&2
else
    doors=$(aws ec2 describe-vpc-endpoints --query 'VpcEndpoints[].VpcEndpointId' --output text --filters \
        "Name=vpc-id,Values=$vpc" "Name=service-name,Values=com.amazonaws.$region.sagemaker.runtime")
    routes=$(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" --output text \
        --query "RouteTables[].Routes[?DestinationCidrBlock=='0.0.0.0/0'][].DestinationCidrBlock")
    if [ -n "$doors" ]; then
        echo "way out: the interface endpoint $doors"
    elif [ -n "$routes" ]; then
        echo "way out: a default route of $vpc; from private subnets it needs a NAT gateway"
    else
        echo "check: $vpc has neither a default route nor an interface endpoint of sagemaker.runtime" >&2
    fi
fi
