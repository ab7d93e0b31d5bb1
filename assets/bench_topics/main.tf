# The topics of topics.json, on the cluster of access.json: what `ops bench topics` gives Terraform.
terraform {
  required_providers {
    kafka = { source = "Mongey/kafka" }
  }
}

locals {
  access = jsondecode(file("${path.module}/access.json"))
  topics = { for topic in jsondecode(file("${path.module}/topics.json")) : topic.name => topic }
}

provider "kafka" {
  bootstrap_servers = local.access.bootstrap_servers
  ca_cert           = local.access.ca_cert
  kafka_version     = local.access.kafka_version
  sasl_mechanism    = local.access.sasl_mechanism
  sasl_username     = local.access.sasl_username
  sasl_password     = local.access.sasl_password
  skip_tls_verify   = false
  timeout           = local.access.timeout
  tls_enabled       = true
}

resource "kafka_topic" "topic" {
  for_each           = local.topics
  name               = each.value.name
  partitions         = each.value.partitions
  replication_factor = each.value.replication_factor
  config             = each.value.config
}
