"""Rules on the rights of each role: the maximum and the minimum."""

from collections.abc import Iterator

from template_queries import Finding, Template, listed, of_type, pattern, rights_of_roles, role_statements, value_of

# Statements that may have `Resource: "*"`, by policy and Sid, and the reason.
UNBOUNDED = {
    (
        "OnReleaseRole",
        "PinImages",
    ): "describing a task definition has no resource; registering is bounded by the roles that may be passed",
    ("OnReleaseRole", "ListSchedules"): "listing schedules has no resource",
    ("ExecutionRole", "LogInToRegistry"): "a registry's authorization token has no resource",
}

# Role -> the service to which it may be passed.
PASSABLE = {
    "<TaskRole.Arn>": "ecs-tasks.amazonaws.com",
    "<ExecutionRole.Arn>": "ecs-tasks.amazonaws.com",
    "<SchedulerRole.Arn>": "scheduler.amazonaws.com",
}


def each_function_has_its_own_role(template: Template) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = function["Role"]
        if role in seen:
            yield f"{name} shares {role} with {seen[role]}"
        if role.removeprefix("<").removesuffix(".Arn>") not in of_type(template, "AWS::IAM::Role"):
            yield f"{name} has a role that isn't the template's: {role}"
        seen[role] = name


def no_right_is_unbounded(template: Template) -> Iterator[Finding]:
    for name, statement in role_statements(template):
        if statement["Effect"] != "Allow":
            continue
        where = f"{name}.{statement.get('Sid')}"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{where} grants by exclusion"
        for action in listed(statement.get("Action", [])):
            if "*" in action:
                yield f"{where} grants {action}"
        for resource in listed(statement.get("Resource", [])):
            if resource == "*" and (name, statement.get("Sid")) not in UNBOUNDED:
                yield f"{where} is not bound to a resource"
            if resource.endswith("Bucket.Arn>/*") and statement.get("Sid") != "ReadLandingBuckets":
                yield f"{where} reaches every object of a bucket: {resource}"


def each_statement_has_a_name(template: Template) -> Iterator[Finding]:
    seen = set()
    for name, statement in role_statements(template):
        key = (name, statement.get("Sid"))
        if not statement.get("Sid") or key in seen:
            yield f"a statement of {name} has no Sid of its own"
        seen.add(key)


def roles_are_passed_by_name_to_one_service(template: Template) -> Iterator[Finding]:
    for name, statement in role_statements(template):
        if "iam:PassRole" not in listed(statement["Action"]):
            continue
        where = f"{name}.{statement.get('Sid')}"
        to = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
        for role in listed(statement["Resource"]):
            if PASSABLE.get(role) is None or PASSABLE[role] != to:
                yield f"{where} passes {role} to {to}"
        if listed(statement["Action"]) != ["iam:PassRole"]:
            yield f"{where} mixes PassRole with other actions"


def tasks_run_in_one_family_and_cluster(template: Template) -> Iterator[Finding]:
    family = of_type(template, "AWS::ECS::TaskDefinition")["TaskDefinition"]["Family"]
    given = value_of(template, "ClusterArn")
    cluster = given or "<Cluster.Arn>"
    allowed: set[str] = set()
    for name, statement in role_statements(template):
        actions = {
            action
            for action in listed(statement["Action"])
            if action in ("ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks")
        }
        allowed |= actions
        if not actions:
            continue
        where = f"{name}.{statement.get('Sid')}"
        condition = statement.get("Condition", {})
        if "ecs:RunTask" in actions and condition.get("ArnEquals", {}).get("ecs:cluster") != cluster:
            yield f"{where} is not restricted to the cluster"
        tag = condition.get("StringEquals", {}).get("aws:ResourceTag/landfall:stack")
        if "ecs:StopTask" in actions and tag is None:
            yield f"{where} stops tasks of other stacks"
        for resource in listed(statement["Resource"]):
            if "ecs:RunTask" in actions and not resource.endswith(f":task-definition/{family}:*"):
                yield f"{where} runs {resource}"
            if "ecs:RunTask" not in actions and not resource.endswith(":task/*/*"):
                yield f"{where} reaches {resource}"
    if "ecs:StopTask" not in allowed:
        yield "no role may stop a task that exceeds its time limit"


def only_services_assume_roles(template: Template) -> Iterator[Finding]:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            principal = statement["Principal"]
            if not isinstance(principal, dict) or set(principal) != {"Service"}:
                yield f"{name} may be assumed by {principal}"
                continue
            service = principal["Service"]
            shared = service == "scheduler.amazonaws.com" or name == "TaskRole"
            if shared and "aws:SourceAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
                yield f"{name} may be assumed by {service} for another account"


def task_never_writes_where_data_lands(template: Template) -> Iterator[Finding]:
    policy = of_type(template, "AWS::IAM::Role")["TaskRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    rule = pattern(of_type(template, "AWS::Events::Rule")["ObjectLandedRule"])["detail"]["bucket"]["name"]
    landing = {bucket if bucket.startswith("<") else f"arn:aws:s3:::{bucket}" for bucket in rule}
    denied = {
        resource
        for statement in policy
        if statement["Effect"] == "Deny" and {"s3:PutObject", "s3:DeleteObject"} <= set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    for bucket in landing:
        if f"{bucket}/*".replace("<LandingBucket>/*", "<LandingBucket.Arn>/*") not in denied:
            yield f"the task may write to {bucket}"
    for name, statement in role_statements(template):
        if statement["Effect"] != "Allow":
            continue
        for action in listed(statement["Action"]):
            writes = action in ("s3:PutObject", "s3:DeleteObject")
            if writes and any(
                "LandingBucket" in resource or "arn:aws:s3:::acme" in resource
                for resource in listed(statement["Resource"])
            ):
                yield f"{name}.{statement.get('Sid')} writes where data lands"


def boundary_and_path_apply_to_every_role(template: Template) -> Iterator[Finding]:
    boundary, path = value_of(template, "PermissionsBoundaryArn") or None, value_of(template, "RolePath")
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if role.get("PermissionsBoundary") != boundary:
            yield f"{name} has no permissions boundary"
    for name, role in (of_type(template, "AWS::IAM::Role") | of_type(template, "AWS::IAM::ManagedPolicy")).items():
        if role.get("Path") != path:
            yield f"{name} is not at the path"


def only_pushed_images_of_one_repository_are_pulled(template: Template) -> Iterator[Finding]:
    given = value_of(template, "EcrRepositoryUri")
    repositories = of_type(template, "AWS::ECR::Repository")
    if bool(given) == bool(repositories):
        yield "a repository is created although one is given, or there is none"
    for name, repository in repositories.items():
        if (
            repository.get("ImageTagMutability") != "IMMUTABLE"
            or str(repository.get("ImageScanningConfiguration", {}).get("ScanOnPush")).lower() != "true"
        ):
            yield f"{name} has mutable tags, or does not scan on push"
    wanted = "arn:aws:ecr:eu-central-1:444455556666:repository/data/dbt" if given else "<Repository.Arn>"
    pulling = [
        listed(statement["Resource"])
        for _, statement in role_statements(template)
        if "ecr:BatchGetImage" in listed(statement["Action"])
    ]
    if pulling != [[wanted]]:
        yield f"images are pulled from {pulling}"


def each_right_has_the_rights_it_needs(template: Template) -> Iterator[Finding]:
    cluster = value_of(template, "ClusterArn").partition("/")[2] or "<Cluster>"
    ecs = "arn:aws:ecs:eu-west-1:111122223333"
    keys = [key for key in value_of(template, "KmsKeyArns").split(",") if key]
    through = {"s3": "s3.eu-west-1.amazonaws.com", "secretsmanager": "secretsmanager.eu-west-1.amazonaws.com"}
    for name, statements in rights_of_roles(template).items():

        def may(action: str, resource: str, key: str = "", value: str = "", statements: list = statements) -> bool:
            return any(
                statement["Effect"] == "Allow"
                and action in listed(statement["Action"])
                and resource in listed(statement["Resource"])
                and statement.get("Condition", {}).get("StringEquals", {}).get(key, "") == value
                for statement in statements
            )

        for action, resource in [
            (action, resource)
            for statement in statements
            if statement["Effect"] == "Allow"
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        ]:
            needed: list[tuple[str, ...]] = []
            match action:
                case "s3:GetObject":
                    # Without the right to list, S3 answers 403 for a missing object, like for a missing right.
                    needed = [("s3:ListBucket", resource.partition("/")[0])]
                case "ecs:RunTask":
                    needed = [("ecs:TagResource", f"{ecs}:task/{cluster}/*", "ecs:CreateAction", "RunTask")]
                case "ecs:RegisterTaskDefinition":
                    needed = [
                        (
                            "ecs:TagResource",
                            f"{ecs}:task-definition/shop-dbt:*",
                            "ecs:CreateAction",
                            "RegisterTaskDefinition",
                        )
                    ]
                case "scheduler:CreateSchedule":
                    needed = [("iam:PassRole", "<SchedulerRole.Arn>", "iam:PassedToService", "scheduler.amazonaws.com")]
                case "ecr:BatchGetImage":
                    needed = [
                        ("ecr:GetAuthorizationToken", "*"),
                        ("ecr:GetDownloadUrlForLayer", resource),
                        ("ecr:BatchCheckLayerAvailability", resource),
                    ]
            if action in ("ecs:RunTask", "ecs:RegisterTaskDefinition"):
                needed += [
                    ("iam:PassRole", f"<{role}.Arn>", "iam:PassedToService", "ecs-tasks.amazonaws.com")
                    for role in ("TaskRole", "ExecutionRole")
                ]
            if action == "s3:PutObject":
                needed += [("kms:GenerateDataKey", key, "kms:ViaService", through["s3"]) for key in keys]
            if action in ("s3:GetObject", "s3:PutObject", "secretsmanager:GetSecretValue"):
                needed += [("kms:Decrypt", key, "kms:ViaService", through[action.partition(":")[0]]) for key in keys]
            for right in needed:
                if not may(*right):
                    yield f"{name} may {action} on {resource}, but not {right[0]} on {right[1]}"


def the_sweep_reads_what_it_deletes(template: Template) -> Iterator[Finding]:
    """A role that deletes ledger pages must read them, because a page may be deleted only if no other page names it."""
    rights = rights_of_roles(template)
    functions = of_type(template, "AWS::Lambda::Function")
    for schedule in of_type(template, "AWS::Scheduler::Schedule").values():
        role = (
            functions[schedule["Target"]["Arn"].removeprefix("<").removesuffix(".Arn>")]["Role"]
            .removeprefix("<")
            .removesuffix(".Arn>")
        )
        of = {
            action: {
                resource
                for statement in rights[role]
                if action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            }
            for action in ("s3:DeleteObject", "s3:GetObject")
        }
        for resource in of["s3:DeleteObject"] - of["s3:GetObject"]:
            yield f"{role} deletes {resource}, and cannot read it"
