// Command pulumi-resource-kubernetes is the Kubernetes plugin with the schema of its own module.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version is set by the build to the pulumi-kubernetes package's version.
var version = "0.0.0"

//go:embed schema.json
var schema []byte

func main() {
	provider.Serve("kubernetes", version, schema, []byte("{}"))
}
