"""Tests of the list of types that hold data."""

import importlib.util
import re
from pathlib import Path

from sandbox.stateful import FACTS, data_loss

PACKAGES = ("aws", "cloudflare", "datadog", "kubernetes", "tls")

DATA_STORE = re.compile(
    r"\w*(?:Cluster|Database|D[bB]Instance|Table|Bucket|Volume|FileSystem|Disk|Stream|Queue|Broker|Cache"
    r"|Vault|Repository|UserPool|IdentityPool|Store|Ledger|Keyspace|Snapshot|Backup|Graph|Collection|Ami"
    r"|Archive|DataLake|Data[sS]et|Namespace|PersistentVolume(?:Claim)?|StatefulSet|Secret|Directory|Index"
    r"|CustomResourceDefinition)(?:V2|v2|Copy)?"
)
"""Pattern of the names of types that sound like a data store."""

WITHOUT_DATA = frozenset(
    {
        "aws:amp/ruleGroupNamespace:RuleGroupNamespace",
        "aws:appsync/apiCache:ApiCache",
        "aws:appsync/channelNamespace:ChannelNamespace",
        "aws:athena/database:Database",
        "aws:batch/jobQueue:JobQueue",
        "aws:cleanrooms/configuredTable:ConfiguredTable",
        "aws:cloudfront/trustStore:TrustStore",
        "aws:cloudwatch/metricStream:MetricStream",
        "aws:connect/queue:Queue",
        "aws:datasync/fsxOpenZfsFileSystem:FsxOpenZfsFileSystem",
        "aws:datasync/locationFsxOntapFileSystem:LocationFsxOntapFileSystem",
        "aws:dax/cluster:Cluster",
        "aws:devopsguru/resourceCollection:ResourceCollection",
        "aws:directoryservice/sharedDirectory:SharedDirectory",
        "aws:docdb/globalCluster:GlobalCluster",
        "aws:dynamodb/globalSecondaryIndex:GlobalSecondaryIndex",
        "aws:ec2/defaultRouteTable:DefaultRouteTable",
        "aws:ec2/localGatewayRouteTable:LocalGatewayRouteTable",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2transitgateway/policyTable:PolicyTable",
        "aws:ec2transitgateway/routeTable:RouteTable",
        "aws:ecs/cluster:Cluster",
        "aws:emrcontainers/virtualCluster:VirtualCluster",
        "aws:finspace/kxCluster:KxCluster",
        "aws:gamelift/gameSessionQueue:GameSessionQueue",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:glue/catalogTable:CatalogTable",
        "aws:glue/partitionIndex:PartitionIndex",
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "aws:lb/trustStore:TrustStore",
        "aws:location/geofenceCollection:GeofenceCollection",
        "aws:location/placeIndex:PlaceIndex",
        "aws:mediaconvert/queue:Queue",
        "aws:neptune/globalCluster:GlobalCluster",
        "aws:pinpoint/eventStream:EventStream",
        "aws:qldb/stream:Stream",
        "aws:quicksight/dataSet:DataSet",
        "aws:quicksight/namespace:Namespace",
        "aws:rds/clusterActivityStream:ClusterActivityStream",
        "aws:rds/globalCluster:GlobalCluster",
        "aws:redshift/snapshotCopy:SnapshotCopy",
        "aws:resourceexplorer/index:Index",
        "aws:route53/cidrCollection:CidrCollection",
        "aws:route53recoverycontrol/cluster:Cluster",
        "aws:sagemaker/codeRepository:CodeRepository",
        "aws:servicediscovery/httpNamespace:HttpNamespace",
        "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
        "aws:servicediscovery/publicDnsNamespace:PublicDnsNamespace",
        "aws:storagegateway/cache:Cache",
        "aws:verifiedpermissions/policyStore:PolicyStore",
        "aws:workspaces/directory:Directory",
        "aws:workspacesweb/trustStore:TrustStore",
        "cloudflare:index/customOriginTrustStore:CustomOriginTrustStore",
        "cloudflare:index/pipelineStream:PipelineStream",
        "cloudflare:index/regionalTieredCache:RegionalTieredCache",
        "cloudflare:index/tieredCache:TieredCache",
        "cloudflare:index/workersForPlatformsDispatchNamespace:WorkersForPlatformsDispatchNamespace",
        "cloudflare:index/zeroTrustDlpDataset:ZeroTrustDlpDataset",
        "datadog:index/dataset:Dataset",
        "datadog:index/logsArchive:LogsArchive",
        "kubernetes:core/v1:Secret",
        "kubernetes:kustomize/v2:Directory",
    }
)
"""Types that only sound like a data store: tables of routes, caches of other stores, definitions whose
content the program declares, and parts whose data is elsewhere, such as a global cluster.
"""


def sdk_types() -> set[str]:
    """Return the types that the SDKs register."""
    types: set[str] = set()
    for name in PACKAGES:
        spec = importlib.util.find_spec(f"pulumi_{name}")
        assert spec and spec.origin
        registered = Path(spec.origin).read_text().partition("resource_modules=")[2]
        types.update(re.findall(rf'"({name}:[^"]+:\w+)": "', registered))
    return types


def test_the_sdks_have_all_types_with_data() -> None:
    assert FACTS["types"].keys() | WITHOUT_DATA <= sdk_types()


def test_each_type_that_sounds_like_a_data_store_is_listed_or_excused() -> None:
    sounding = {token for token in sdk_types() if DATA_STORE.fullmatch(token.rpartition(":")[2])}
    assert sounding - FACTS["types"].keys() == WITHOUT_DATA


def test_custom_resources_hold_data_unless_their_operator_only_configures() -> None:
    for kind in (
        "postgresql.cnpg.io/v1:Cluster",
        "kafka.strimzi.io/v1beta2:Kafka",
        "acid.zalan.do/v1:postgresql",
        "elasticsearch.k8s.elastic.co/v1:Elasticsearch",
        "rds.services.k8s.aws/v1alpha1:DBInstance",
        "argoproj.io/v1alpha1:Application",
        "datadoghq.com/v1alpha1:DatadogSLO",
        "external-secrets.io/v1alpha1:PushSecret",
        "external-secrets.io/v1alpha1:ClusterPushSecret",
        "objectstorage.k8s.io/v1alpha1:Bucket",
        "objectstorage.k8s.io/v1alpha1:BucketClaim",
        "snapshot.storage.k8s.io/v1:VolumeSnapshot",
        "groupsnapshot.storage.k8s.io/v1beta1:VolumeGroupSnapshot",
    ):
        assert data_loss(f"kubernetes:{kind}", {}), kind
    for kind in (
        "karpenter.sh/v1:NodePool",
        "eks.amazonaws.com/v1:NodeClass",
        "networking.k8s.io/v1:Ingress",
        "cert-manager.io/v1:Certificate",
        "datadoghq.com/v1alpha1:DatadogMonitor",
        "external-secrets.io/v1:ExternalSecret",
        "snapshot.storage.k8s.io/v1:VolumeSnapshotClass",
        "storage.k8s.io/v1:StorageClass",
        "objectstorage.k8s.io/v1alpha1:BucketClass",
        "objectstorage.k8s.io/v1alpha1:BucketAccess",
        "apps/v1:Deployment",
    ):
        assert not data_loss(f"kubernetes:{kind}", {}), kind
    patterns = [rule["pattern"] for rule in FACTS["patterns"]]
    assert not [token for token in sdk_types() if any(re.fullmatch(pattern, token) for pattern in patterns)]


def test_the_protection_of_a_database_does_not_hide_what_is_lost_without_it() -> None:
    kind, protection = "aws:rds/instance:Instance", {"deletionProtection": True}
    refused = "AWS refuses to delete it while deletionProtection is on. "
    for inputs in ({}, {"skipFinalSnapshot": True}):
        assert data_loss(kind, inputs | protection) == refused + data_loss(kind, inputs)
