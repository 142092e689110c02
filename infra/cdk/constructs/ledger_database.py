"""PostgreSQL, in subnets without a way out."""

from __future__ import annotations

from aws_cdk import CfnDeletionPolicy, Fn, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra.cdk.constructs.hot_store import HOUR_INDEX
from infra.cdk.constructs.nag import acknowledge
from infra.cdk.stages import Database

PORT = 5432
MASTER_LOGIN = "postgres"


class LedgerDatabase(Construct):
    """The VPC, two security groups for its clients, and one encrypted RDS instance.

    There is no NAT gateway and no interface endpoint. DynamoDB is reached by its free gateway endpoint, which
    lets through what the recorder reads of our own table and nothing else.

    Args:
        table: the hot store.

    Attributes:
        recorder_group: for functions that need PostgreSQL and DynamoDB.
        reader_group: for functions that need PostgreSQL alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        size: Database,
        database_name: str,
        table: dynamodb.ITableV2,
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = self._network()
        self._endpoint(table)
        self.database_group = self._group("DatabaseGroup", "PostgreSQL of the ledger")
        self.recorder_group = self._group("RecorderGroup", "Functions that use PostgreSQL and DynamoDB")
        self.reader_group = self._group("ReaderGroup", "Functions that use PostgreSQL alone")
        self._connect_groups()
        self.instance = self._instance(size, database_name)
        policy = CfnDeletionPolicy.RETAIN if size.protected else CfnDeletionPolicy.DELETE
        self.instance.cfn_options.deletion_policy = policy
        self.instance.cfn_options.update_replace_policy = policy
        acknowledge(
            self.instance,
            "AwsSolutions-RDS3",
            "One zone is enough: what arrives waits in the queue for days.",
        )
        acknowledge(
            self.instance, "AwsSolutions-RDS11", "The port is no secret; only two security groups reach it."
        )
        if not size.protected:
            acknowledge(
                self.instance,
                "AwsSolutions-RDS10",
                "This stage can be removed with one command; prod cannot.",
            )

    @property
    def host(self) -> str:
        """The name that its certificate is made out to."""
        return self.instance.attr_endpoint_address

    @property
    def port(self) -> int:
        """The port."""
        return PORT

    @property
    def master_secret_arn(self) -> str:
        """The secret that RDS manages; only the first deployment reads it."""
        return Token.as_string(self.instance.get_att("MasterUserSecret.SecretArn"))

    def login_arn(self, stack: Stack, login: str) -> str:
        """Return the resource that stands for one login with an IAM token."""
        resource_id = self.instance.attr_dbi_resource_id
        return Fn.join(
            "",
            [
                f"arn:{stack.partition}:rds-db:{stack.region}:{stack.account}:dbuser:",
                resource_id,
                f"/{login}",
            ],
        )

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False
        )

    def _network(self) -> ec2.Vpc:
        """Add isolated subnets."""
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.20.0.0/24"),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26
                )
            ],
        )
        acknowledge(
            vpc,
            "AwsSolutions-VPC7",
            "Nothing in these subnets has a route to or from the internet; flow logs would cost more than"
            " the database.",
        )
        return vpc

    def _endpoint(self, table: dynamodb.ITableV2) -> None:
        """Add the one way out of the subnets.

        Without a policy it leads to every table of everybody: a recorder that was taken over could carry the
        ledger out to a table of its own. Who may read is said by the roles; a policy of an endpoint names
        no principal but ``*``.
        """
        endpoint = self.vpc.add_gateway_endpoint(
            "DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
        )
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.StarPrincipal()],
                actions=[f"dynamodb:{name}" for name in ("GetItem", "BatchGetItem", "Query")],
                resources=[table.table_arn, f"{table.table_arn}/index/{HOUR_INDEX}"],
            )
        )

    def _connect_groups(self) -> None:
        """Let clients reach PostgreSQL, and the recorder DynamoDB."""
        for client in (self.recorder_group, self.reader_group):
            client.add_egress_rule(self.database_group, ec2.Port.tcp(PORT), "PostgreSQL")
            self.database_group.add_ingress_rule(client, ec2.Port.tcp(PORT), "PostgreSQL")
        # The only route out of these subnets is the gateway endpoint.
        self.recorder_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "DynamoDB")

    def _instance(self, size: Database, database_name: str) -> rds.CfnDBInstance:
        """Add the instance with its parameters and its subnets."""
        parameters = rds.CfnDBParameterGroup(
            self,
            "Parameters",
            family="postgres17",
            description="The ledger: TLS only",
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
        )
        subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description="Isolated subnets of the ledger",
            subnet_ids=[subnet.subnet_id for subnet in self.vpc.isolated_subnets],
        )
        return rds.CfnDBInstance(
            self,
            "Instance",
            engine="postgres",
            engine_version=size.engine_version,
            db_instance_class=size.instance_class,
            db_name=database_name,
            port=str(PORT),
            allocated_storage=str(size.storage_gb),
            max_allocated_storage=size.max_storage_gb,
            storage_type="gp3",
            storage_encrypted=True,
            # RDS makes this password, stores it in Secrets Manager and rotates it.
            manage_master_user_password=True,
            master_username=MASTER_LOGIN,
            enable_iam_database_authentication=True,
            ca_certificate_identifier="rds-ca-rsa2048-g1",
            publicly_accessible=False,
            multi_az=False,
            db_subnet_group_name=subnets.ref,
            vpc_security_groups=[self.database_group.security_group_id],
            db_parameter_group_name=parameters.ref,
            backup_retention_period=size.backup_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not size.protected,
            deletion_protection=size.protected,
            auto_minor_version_upgrade=False,
            allow_major_version_upgrade=False,
        )
