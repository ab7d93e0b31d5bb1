package main

import (
	"context"

	"github.com/Mongey/terraform-provider-kafka/kafka"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// updateQuotasInPlace lets a quota's values change while it is in force. Upstream replaces the quota, which leaves its
// user without one in between, though Kafka alters quotas in place (KIP-546).
func updateQuotasInPlace(provider *schema.Provider) *schema.Provider {
	quota := provider.ResourcesMap["kafka_quota"]
	quota.Schema["config"].ForceNew = false
	quota.UpdateContext = func(ctx context.Context, data *schema.ResourceData, meta any) diag.Diagnostics {
		if gone := removed(data); len(gone.Ops) > 0 {
			if err := meta.(*kafka.LazyClient).AlterQuota(gone); err != nil {
				return diag.FromErr(err)
			}
		}
		return quota.CreateContext(ctx, data, meta)
	}
	return provider
}

// removed is the quota's limits that are no longer asked for.
func removed(data *schema.ResourceData) kafka.Quota {
	gone := kafka.Quota{
		EntityType: data.Get("entity_type").(string),
		EntityName: data.Get("entity_name").(string),
	}
	before, after := data.GetChange("config")
	for key := range before.(map[string]any) {
		if _, kept := after.(map[string]any)[key]; !kept {
			gone.Ops = append(gone.Ops, kafka.QuotaOp{Key: key, Remove: true})
		}
	}
	return gone
}
