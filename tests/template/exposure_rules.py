"""Rules on what is public, what is retained, what costs money while idle, and which names are unique."""

from collections.abc import Iterator
from typing import Any

from template_queries import (
    Finding,
    Template,
    declared,
    listed,
    of_kinds_that_declare,
    of_type,
    resources,
    role_statements,
    value_of,
)
from translation import PSEUDO

# NoEcho although it is not a secret: the code of a CloudFront Function needs the hash.
HASHES = {"DocsCredentialsSha256"}

# Properties that set a physical name, and its maximum length. CloudFormation generates and shortens all other names.
NAMES = {
    "LogGroupName": 512,
    "Family": 255,
    "BucketName": 63,
    "QueueName": 80,
    "FunctionName": 64,
    "RoleName": 64,
    "ManagedPolicyName": 128,
    "TopicName": 256,
    "AlarmName": 255,
    "DashboardName": 255,
    "RepositoryName": 256,
    "ClusterName": 255,
    "Name": 64,
    "DisplayName": 100,
}
# CloudFormation allows 128, but SNS allows 100 characters in a display name.
LONGEST_STACK_NAME = 90


def buckets_are_private(template: Template) -> Iterator[Finding]:
    policies = {policy["Bucket"]: policy for policy in of_type(template, "AWS::S3::BucketPolicy").values()}
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        block = bucket.get("PublicAccessBlockConfiguration", {})
        for switch in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
            if str(block.get(switch)).lower() != "true":
                yield f"{name} does not set {switch}"
        if "WebsiteConfiguration" in bucket or "AccessControl" in bucket:
            yield f"{name} is a web site or has an ACL"
        if bucket.get("OwnershipControls", {}).get("Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield f"{name} accepts ACLs"
        if "BucketEncryption" not in bucket:
            yield f"{name} sets no encryption"
        statements = policies.get(f"<{name}>", {}).get("PolicyDocument", {}).get("Statement", [])
        arn = f"<{name}.Arn>"
        if not any(
            statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Action"] == "s3:*"
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            and statement["Resource"] == [arn, f"{arn}/*"]
            for statement in statements
        ):
            yield f"{name} can be used without TLS"
        for statement in statements:
            if statement["Effect"] == "Allow" and not (
                name == "DocsBucket" and _is_for_our_distribution(template, statement)
            ):
                yield f"the policy of {name} allows access: {statement.get('Sid')}"


def _is_for_our_distribution(template: Template, statement: dict[str, Any]) -> bool:
    return (
        value_of(template, "DocsAccess") != "private"
        and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        and statement["Action"] == "s3:GetObject"
        and statement["Condition"]
        == {"StringEquals": {"aws:SourceArn": "arn:aws:cloudfront::111122223333:distribution/<DocsDistribution>"}}
    )


def docs_access_follows_the_parameter(template: Template) -> Iterator[Finding]:
    access = value_of(template, "DocsAccess")
    distributions = of_type(template, "AWS::CloudFront::Distribution")
    if access == "private":
        for kind in ("Distribution", "Function", "OriginAccessControl"):
            for name in of_type(template, f"AWS::CloudFront::{kind}"):
                yield f"{name} is created although the docs are private"
        return
    guard = {"basic": "DocsPasswordFunction", "ip": "DocsAddressFunction", "public": None}[access]
    for name, distribution in distributions.items():
        config = distribution["DistributionConfig"]
        for origin in config["Origins"]:
            if origin.get("OriginAccessControlId") != "<DocsOriginAccessControl>":
                yield f"{name} reads {origin['Id']} without its access control"
        for behavior in [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]:
            where = f"{name} {behavior.get('PathPattern', '*')}"
            if behavior["ViewerProtocolPolicy"] != "redirect-to-https":
                yield f"{where} answers without TLS"
            asked = [(a["EventType"], a["FunctionARN"]) for a in behavior["FunctionAssociations"]]
            if asked != ([("viewer-request", f"<{guard}.FunctionARN>")] if guard else []):
                yield f"{where} does not use {guard}"
    for name, control in of_type(template, "AWS::CloudFront::OriginAccessControl").items():
        config = control["OriginAccessControlConfig"]
        if (config["SigningBehavior"], config["SigningProtocol"]) != ("always", "sigv4"):
            yield f"{name} does not sign requests"
    if not distributions:
        yield "there is no distribution"


def buckets_outlive_the_stack(template: Template) -> Iterator[Finding]:
    for name, resource in resources(template, "AWS::S3::Bucket").items():
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate" or resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name} would be deleted with the stack, or by an update"


def nothing_is_reachable_from_outside(template: Template) -> Iterator[Finding]:
    for kind in (
        "AWS::Lambda::Url",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGatewayV2::Api",
        "AWS::EC2::SecurityGroupIngress",
    ):
        for name in of_type(template, kind):
            yield f"{name} makes the stack reachable"
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        if group.get("SecurityGroupIngress"):
            yield f"{name} allows inbound traffic"
    for name, subnet in of_type(template, "AWS::EC2::Subnet").items():
        if subnet.get("MapPublicIpOnLaunch"):
            yield f"{name} gives all its instances a public address"
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        if permission["Principal"] != "events.amazonaws.com" or not str(permission.get("SourceArn", "")).endswith(
            "Rule.Arn>"
        ):
            yield f"{name} allows more than one rule to invoke {permission['FunctionName']}"
    for name, policy in of_type(template, "AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            sources = listed(statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", []))
            if (
                statement["Principal"] != {"Service": "events.amazonaws.com"}
                or not sources
                or not all(s.endswith("Rule.Arn>") for s in sources)
            ):
                yield f"{name} allows others than the rules to send"


def no_secret_is_readable(template: Template) -> Iterator[Finding]:
    suspicious = ("SECRET", "PASSWORD", "PASSPHRASE", "TOKEN", "PRIVATE", "CREDENTIAL", "API_KEY", "ACCESS_KEY")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if not variable.startswith("LANDFALL_") or any(word in variable for word in suspicious):
                yield f"{name} has the variable {variable}"
            if "{{resolve:" in str(value):
                yield f"{name}.{variable} would show a secret to readers of the function"
    for name, definition in of_type(template, "AWS::ECS::TaskDefinition").items():
        for container in definition["ContainerDefinitions"]:
            if container.get("Environment"):
                yield f"{name} has plain environment variables"
            for secret in container.get("Secrets", []):
                if not secret["ValueFrom"].startswith("arn:aws:secretsmanager:"):
                    yield f"{name} has the secret {secret['Name']} in plain text"
                elif not any(
                    where == "SecretsPolicy"
                    and statement["Action"] == "secretsmanager:GetSecretValue"
                    and ":".join(secret["ValueFrom"].split(":")[:7]) in statement["Resource"]
                    for where, statement in role_statements(template)
                ):
                    yield f"{name} has the secret {secret['Name']}, which its execution role may not fetch"
    for name, parameter in declared(template).items():
        if parameter.get("NoEcho") and name not in HASHES:
            yield f"{name} is a secret given as a parameter"


def nothing_costs_money_while_idle(template: Template) -> Iterator[Finding]:
    for kind in (
        "AWS::StepFunctions::StateMachine",
        "AWS::EC2::NatGateway",
        "AWS::ECS::Service",
        "AWS::EC2::Instance",
        "AWS::DynamoDB::Table",
    ):
        for name in of_type(template, kind):
            yield f"{name} is a {kind}"
    for name, endpoint in of_type(template, "AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType") != "Gateway":
            yield f"{name} costs money per hour"


def several_stacks_fit_into_an_account(template: Template) -> Iterator[Finding]:
    named = of_kinds_that_declare(template, {*NAMES, "OriginAccessControlConfig"})
    for name, properties in named.items():
        given = [(key, properties[key]) for key in NAMES if key in properties]
        given += [("Name", config["Name"]) for config in [properties.get("OriginAccessControlConfig")] if config]
        for key, value in given:
            stack, id_of_stack = PSEUDO["AWS::StackName"], PSEUDO["AWS::StackId"].rpartition("/")[2]
            if stack not in value and id_of_stack not in value and not value.startswith("<"):
                yield f"{name} has the fixed {key} {value}"
            longest = len(value) + value.count(stack) * (LONGEST_STACK_NAME - len(stack))
            if longest > NAMES[key]:
                yield f"{name} could have a {key} of {longest} characters, and {NAMES[key]} are allowed"


def created_network_reaches_the_internet(template: Template) -> Iterator[Finding]:
    """A task in the created network must reach the internet, and S3 without costs."""
    subnets = of_type(template, "AWS::EC2::Subnet")
    if bool(value_of(template, "SubnetIds")) == bool(subnets):
        yield "a network is made although one is given, or none is there"
    if len({str(subnet["AvailabilityZone"]) for subnet in subnets.values()}) != len(subnets):
        yield "two subnets lie in one zone"
    tables = {
        association["SubnetId"]: association["RouteTableId"]
        for association in of_type(template, "AWS::EC2::SubnetRouteTableAssociation").values()
    }
    attached = of_type(template, "AWS::EC2::VPCGatewayAttachment")
    out = set()
    for name, route in resources(template, "AWS::EC2::Route").items():
        properties = route["Properties"]
        by = [gateway for gateway, it in attached.items() if it["InternetGatewayId"] == properties.get("GatewayId")]
        if properties["DestinationCidrBlock"] == "0.0.0.0/0" and by:
            out.add(properties["RouteTableId"])
        # EC2 refuses a route to a gateway that is not attached yet.
        if not set(by) <= set(listed(route.get("DependsOn", []))):
            yield f"{name} does not wait for {by}"
    to_s3 = {
        table
        for endpoint in of_type(template, "AWS::EC2::VPCEndpoint").values()
        if endpoint["ServiceName"].endswith(".s3")
        for table in endpoint["RouteTableIds"]
    }
    for name in subnets:
        if tables.get(f"<{name}>") not in out:
            yield f"{name} has no way to the internet"
        if tables.get(f"<{name}>") not in to_s3:
            yield f"{name} has no way of its own to S3"
    addressed = {
        variables["LANDFALL_ASSIGN_PUBLIC_IP"]
        for function in of_type(template, "AWS::Lambda::Function").values()
        for variables in [function["Environment"]["Variables"]]
        if "LANDFALL_ASSIGN_PUBLIC_IP" in variables
    }
    asked = value_of(template, "AssignPublicIp")
    if addressed != {asked if asked != "auto" else "true" if subnets else "false"}:
        yield f"tasks get an address: {addressed}"
