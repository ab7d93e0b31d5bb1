// Package shim lies below the TLS provider's module path, so that it may import
// the provider's internal package and hand it to the bridge.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	inner "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New returns the terraform-plugin-framework provider of terraform-provider-tls.
func New() provider.Provider { return inner.New() }
