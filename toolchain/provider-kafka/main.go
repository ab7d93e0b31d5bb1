// Command pulumi-resource-kafka serves terraform-provider-kafka to the Pulumi engine.
package main

import (
	"github.com/Mongey/terraform-provider-kafka/kafka"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// version is set by the build to the pulumi-kafka package's version.
var version = "0.0.0"

func main() {
	info := tfbridge.ProviderInfo{
		P:            shimv2.NewProvider(dropLogs(updateQuotasInPlace(kafka.Provider()))),
		Name:         "kafka",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources: map[string]*tfbridge.ResourceInfo{
			"kafka_acl": {Fields: map[string]*tfbridge.SchemaInfo{
				"resource_name": {Name: "aclResourceName"},
				"resource_type": {Name: "aclResourceType"},
			}},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("kafka_", "index", tokens.MakeStandard("kafka")))
	tfbridge.Main("kafka", version, info, []byte("{}"))
}
