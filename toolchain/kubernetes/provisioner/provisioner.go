package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// provisionerName is what a StorageClass names us by.
	provisionerName = "lab.local/zone-directory"
	// ebsDriver is who classes of the cloud name: a volume of EBS is likewise in one zone, for all machines of it.
	ebsDriver     = "ebs.csi.aws.com"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	selectedNode  = "volume.kubernetes.io/selected-node"
	zoneLabel     = "topology.kubernetes.io/zone"

	claimKind  = "claim"
	volumeKind = "volume"
)

type key struct{ kind, name string }

type provisioner struct {
	client  kubernetes.Interface
	root    string
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	nodes   corelisters.NodeLister
	classes storagelisters.StorageClassLister
}

func (p *provisioner) reconcile(ctx context.Context, item key) error {
	if item.kind == volumeKind {
		volume, err := p.volumes.Get(item.name)
		if err != nil {
			return ignoreNotFound(err)
		}
		return p.reclaim(ctx, volume)
	}
	namespace, name, err := cache.SplitMetaNamespaceKey(item.name)
	if err != nil {
		return err
	}
	claim, err := p.claims.PersistentVolumeClaims(namespace).Get(name)
	if err != nil {
		return ignoreNotFound(err)
	}
	class, err := p.class(claim)
	if class == nil || err != nil {
		return err
	}
	if claim.Spec.VolumeName == "" {
		return p.provision(ctx, claim, class)
	}
	return p.expand(ctx, claim, class)
}

// class returns the claim's storage class if it is ours to serve.
func (p *provisioner) class(claim *core.PersistentVolumeClaim) (*storage.StorageClass, error) {
	if claim.Spec.StorageClassName == nil || claim.DeletionTimestamp != nil {
		return nil, nil
	}
	class, err := p.classes.Get(*claim.Spec.StorageClassName)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	if class.Provisioner != provisionerName && class.Provisioner != ebsDriver {
		return nil, nil
	}
	return class, nil
}

// provision makes directory and volume for the zone of the node the scheduler chose: all machines see the directory. Both may be there from an attempt that was cut.
func (p *provisioner) provision(ctx context.Context, claim *core.PersistentVolumeClaim, class *storage.StorageClass) error {
	chosen := claim.Annotations[selectedNode]
	if chosen == "" {
		return nil
	}
	node, err := p.nodes.Get(chosen)
	if err != nil {
		return err
	}
	volume, err := volumeFor(claim, class, node, p.root)
	if err != nil {
		return err
	}
	path := volume.Spec.Local.Path
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	// MkdirAll obeys the umask; pods run as any user.
	if err := os.Chmod(path, 0o777); err != nil {
		return err
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume, meta.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// volumeFor describes the volume of a claim: bound to it beforehand, and to the node's zone for good.
func volumeFor(claim *core.PersistentVolumeClaim, class *storage.StorageClass, node *core.Node, root string) (*core.PersistentVolume, error) {
	zone := node.Labels[zoneLabel]
	if zone == "" {
		return nil, fmt.Errorf("node %s has no label %s", node.Name, zoneLabel)
	}
	name := "pvc-" + string(claim.UID)
	policy := core.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisionerName}},
		Spec: core.PersistentVolumeSpec{
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              class.Name,
			PersistentVolumeReclaimPolicy: policy,
			ClaimRef: &core.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				Local: &core.LocalVolumeSource{Path: filepath.Join(root, node.Name, name)},
			},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{
					{Key: zoneLabel, Operator: core.NodeSelectorOpIn, Values: []string{zone}},
				}}},
			}},
		},
	}, nil
}

// expand raises a bound claim's capacity to its request: a directory has no size of its own, so only the objects change.
func (p *provisioner) expand(ctx context.Context, claim *core.PersistentVolumeClaim, class *storage.StorageClass) error {
	wanted := claim.Spec.Resources.Requests[core.ResourceStorage]
	has := claim.Status.Capacity[core.ResourceStorage]
	if claim.Status.Phase != core.ClaimBound || wanted.Cmp(has) <= 0 {
		return nil
	}
	if class.AllowVolumeExpansion == nil || !*class.AllowVolumeExpansion {
		return nil
	}
	capacity := map[string]string{string(core.ResourceStorage): wanted.String()}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"capacity": capacity}})
	if err != nil {
		return err
	}
	volumes := p.client.CoreV1().PersistentVolumes()
	if _, err := volumes.Patch(ctx, claim.Spec.VolumeName, types.MergePatchType, patch, meta.PatchOptions{}); err != nil {
		return err
	}
	patch, err = json.Marshal(map[string]any{"status": map[string]any{
		"capacity": capacity, "conditions": nil, "allocatedResources": nil, "allocatedResourceStatuses": nil,
	}})
	if err != nil {
		return err
	}
	_, err = p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(
		ctx, claim.Name, types.MergePatchType, patch, meta.PatchOptions{}, "status")
	return err
}

// reclaim removes directory and volume once the claim is gone, unless the volume is to be retained.
func (p *provisioner) reclaim(ctx context.Context, volume *core.PersistentVolume) error {
	if volume.Annotations[provisionedBy] != provisionerName || volume.Status.Phase != core.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete || volume.Spec.Local == nil {
		return nil
	}
	relative, err := filepath.Rel(p.root, volume.Spec.Local.Path)
	if err != nil || !filepath.IsLocal(relative) || relative == "." {
		return fmt.Errorf("its path %s is not below %s", volume.Spec.Local.Path, p.root)
	}
	if err := os.RemoveAll(volume.Spec.Local.Path); err != nil {
		return err
	}
	return ignoreNotFound(p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{}))
}

func ignoreNotFound(err error) error {
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}
