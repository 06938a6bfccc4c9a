"""Settings of what runs on AWS."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.kubernetes import Resources
from components.settings.types import (
    AccountId,
    Arn,
    BucketName,
    Cidr,
    Cron,
    Days,
    Distinct,
    DnsLabel,
    Image,
    LogRetentionDays,
    Model,
    Region,
    entries,
    one_of,
    string,
)
from eks_versions import STANDARD_SUPPORT

NODE_DISK_GIB = 71
"""What a node's disk has for pods: of the 80 GiB that EKS Auto Mode gives a node (EKS user guide, node class,
ephemeralStorage), the kubelet keeps 1 GiB and evicts pods below a tenth of free space."""
POD_DISK_GIB = 1
"""What a pod needs of it besides its scratch volume: logs and /tmp."""


class Service(Model):
    """Who the stack is: the source of every name and tag."""

    environment: DnsLabel
    """The environment's name in resource names and tags: dev, stg or prod."""
    account: AccountId
    """The AWS account that the stack lives in."""
    region: Region
    """The AWS region; the same as aws:region."""
    team: Annotated[DnsLabel, Field(examples=["platform"])]
    """The team that is responsible, in tags and notifications."""
    repository: Annotated[
        str,
        string(
            r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$",
            "a GitHub repository as owner/name",
            "pipe-dev/infrastructure",
        ),
    ]
    """The GitHub repository that deploys the stack: owner/name."""
    protect: Annotated[bool, Field(examples=[True])]
    """Whether stateful resources refuse to be deleted (Pulumi's protect)."""


ZONES = 3
"""Availability zones of every stack."""


class Subnets(Model):
    """One network a zone in each tier, in three zones.

    EKS takes no subnet of a zone that the cluster was not created with (EKS user guide, VPC and subnet
    requirements), so a stack cannot get its third zone later.
    """

    public: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.0.0/24", "10.10.1.0/24", "10.10.2.0/24"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """Load balancers and NAT gateways."""
    private: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.16.0/20", "10.10.32.0/20", "10.10.48.0/20"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """Nodes, pods and the runner."""
    database: Annotated[
        list[Annotated[Cidr, Field(examples=["10.10.8.0/24", "10.10.9.0/24", "10.10.10.0/24"])]],
        entries(ZONES, ZONES),
        Distinct,
    ]
    """The database; no route to the internet."""


class Network(Model):
    """The VPC."""

    cidr: Cidr
    """The VPC's network; /16 to /28 (AWS VPC quotas)."""
    subnets: Subnets
    nat_gateways: Literal["one", "each-zone"]
    """One NAT gateway for all zones (cheap), or one in each (survives the loss of a zone)."""
    flow_log_retention_days: LogRetentionDays
    """Days that CloudWatch keeps the VPC's flow logs."""


class Firewall(Model):
    """What may reach the load balancer."""

    ingress_cidrs: Annotated[list[Annotated[Cidr, Field(examples=["0.0.0.0/0"])]], entries(1), Distinct]
    """Who may reach port 443: 0.0.0.0/0, or Cloudflare's published ranges."""


class ClusterEndpoint(Model):
    """The public side of the cluster's API; the private side is always on."""

    public: bool
    """Whether the API answers on the internet at all."""
    allowed_cidrs: Annotated[
        list[Annotated[Cidr, Field(examples=["203.0.113.7/32"])]], entries(0, 40), Distinct
    ]
    """Who may reach it then, such as an office by its egress address (`curl -4 https://checkip.amazonaws.com`
    prints one's own): at most 40 networks, none private or reserved (EKS); never 0.0.0.0/0."""


class Cluster(Model):
    """The EKS cluster (Auto Mode)."""

    version: Annotated[str, one_of(STANDARD_SUPPORT, "1.35")]
    """A Kubernetes version in EKS standard support."""
    endpoint: ClusterEndpoint
    service_cidr: Annotated[Cidr, Field(examples=["172.20.0.0/16"])]
    """Cluster addresses of Services: private, /12 to /24, outside the VPC (EKS)."""
    log_retention_days: LogRetentionDays
    """Days that CloudWatch keeps the control plane's logs."""
    operators: Annotated[list[Arn], entries(0), Distinct]
    """IAM principals of the people who may administer the cluster. Whoever runs the first `up` has to be
    among them: the creator of a cluster gets no access by itself."""


class Runner(Model):
    """The GitHub runner in the VPC (CodeBuild)."""

    enabled: bool
    """Whether pipelines run in the VPC; without it they cannot reach a private endpoint."""
    connection_arn: Annotated[
        str,
        string(
            r"^arn:aws:codeconnections:[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$",
            "the ARN of a CodeConnections connection, approved in the console",
            "arn:aws:codeconnections:ap-northeast-1:123456789012:connection/3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96",
        ),
    ]
    """The CodeConnections connection to GitHub, approved once by hand in the console."""
    actors: Annotated[
        list[Annotated[str, string(r"^[0-9]+$", "the id of a GitHub account, digits in quotes", "583231")]],
        entries(1),
        Distinct,
    ]
    """Ids of the GitHub accounts whose jobs it runs (`gh api users/NAME --jq .id`); it runs nobody else's."""
    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"]
    """Size of the build machine, as CodeBuild names it."""


class Database(Model):
    """The RDS PostgreSQL instance."""

    engine_version: Annotated[
        str,
        string(
            r"^1[5-7]$",
            'a major version of PostgreSQL, "15" to "17" in quotes; RDS takes the minor ones by itself',
            "17",
        ),
    ]
    """The major version; RDS chooses the minor one and upgrades it."""
    instance_class: Annotated[
        str,
        string(r"^db\.[a-z0-9]+\.[a-z0-9]+$", "an RDS instance class, such as db.t4g.small", "db.t4g.small"),
    ]
    """Processor and memory, as RDS names them."""
    storage_gib: Annotated[int, Field(ge=20, le=65536)]
    """Storage at creation, in GiB (gp3)."""
    max_storage_gib: Annotated[int, Field(ge=20, le=65536, examples=[100])]
    """Where storage autoscaling stops, in GiB."""
    multi_az: bool
    """Whether a standby waits in another zone."""
    backup_retention_days: Annotated[int, Field(ge=1, le=35, examples=[7])]
    """Days of point-in-time recovery (RDS allows 35)."""
    deletion_protection: Annotated[bool, Field(examples=[True])]
    """Whether RDS refuses to delete the instance."""
    insights_retention_days: Literal[7, 31, 62, 93, 124, 155, 186, 217, 248, 279, 310, 341, 372, 403, 731]
    """Days of Performance Insights history (7 is free)."""
    log_retention_days: LogRetentionDays
    """Days that CloudWatch keeps the server's logs."""
    max_connections: Annotated[int, Field(ge=50, le=5000, examples=[100])]
    """max_connections of the server; about 110 fit into a GiB of memory (RDS)."""


class BackupReplica(Model):
    """The copy in a second region."""

    enabled: bool
    """Whether there is a copy."""
    region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """Where it is; another region than the stack's."""
    bucket: Annotated[BucketName, Field(examples=["pipe-backup-dev-replica"])]
    """The copy's name."""


class Backups(Model):
    """The backup bucket and the job that fills it."""

    bucket: BucketName
    """The bucket's name, unique in all of S3."""
    schedule: Cron
    """When the database is dumped; UTC."""
    image: Annotated[Image, Field(examples=["public.ecr.aws/docker/library/postgres:17.7-alpine3.22"])]
    """PostgreSQL client, at least the server's major version."""
    upload_image: Annotated[Image, Field(examples=["public.ecr.aws/aws-cli/aws-cli:2.31.0"])]
    """AWS command line, for the upload."""
    resources: Resources
    """Of each container of the data jobs: migration, dump, upload."""
    scratch_gib: Annotated[int, Field(ge=1, le=NODE_DISK_GIB - POD_DISK_GIB, examples=[50])]
    """Room on a node for one dump, in GiB, within what a node's disk has for pods; a larger dump fails the
    job."""
    expire_days: Annotated[Days, Field(examples=[30])]
    """Days after which a dump is deleted."""
    lock_days: Annotated[int, Field(ge=0, le=3650)]
    """Days that governance object lock keeps a version; 0 sets no retention."""
    replica: BackupReplica

    @property
    def disk_gib(self) -> int:
        """What a job with a dump needs of a node's disk."""
        return self.scratch_gib + POD_DISK_GIB
