package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// operation is what a resource does when it is created, read, updated or deleted.
type operation = func(context.Context, *schema.ResourceData, any) diag.Diagnostics

// dropLogs drops the provider's log unless TF_LOG asks for it, as Terraform does. The bridge sends each line to the
// engine by a remote call under the logger's lock: with many topics at a time, that takes longer than making them.
func dropLogs(provider *schema.Provider) *schema.Provider {
	if _, wanted := os.LookupEnv("TF_LOG"); wanted {
		return provider
	}
	for _, resource := range provider.ResourcesMap {
		resource.CreateContext = silent(resource.CreateContext)
		resource.ReadContext = silent(resource.ReadContext)
		if resource.UpdateContext != nil {
			resource.UpdateContext = silent(resource.UpdateContext)
		}
		resource.DeleteContext = silent(resource.DeleteContext)
	}
	return provider
}

// silent is an operation without a log. The bridge redirects the log anew before each operation, hence not once.
func silent(act operation) operation {
	return func(ctx context.Context, data *schema.ResourceData, meta any) diag.Diagnostics {
		log.SetOutput(io.Discard)
		return act(ctx, data, meta)
	}
}
