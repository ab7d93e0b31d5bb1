// Command lab-provisioner gives claims of the lab's storage class, and of classes that name EBS' driver, local volumes in
// the zone their pod was scheduled to, grows them in place, and removes them with their claims.
//
// It needs: get, list, watch, patch on persistentvolumeclaims; patch on persistentvolumeclaims/status; all verbs on
// persistentvolumes; get, list, watch on nodes and storageclasses.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file with the API server's address and a credential")
	root := flag.String("root", "", "directory the volumes are made in")
	flag.Parse()
	if *kubeconfig == "" || *root == "" {
		log.Fatal("lab-provisioner needs --kubeconfig and --root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatalf("kubeconfig %s: %v", *kubeconfig, err)
	}
	config.QPS, config.Burst = 50, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatalf("kubeconfig %s: %v", *kubeconfig, err)
	}
	if err := os.MkdirAll(*root, 0o755); err != nil {
		log.Fatal(err)
	}
	run(ctx, client, *root)
}

// run reconciles until the context ends. Failed keys are tried again with a growing delay.
func run(ctx context.Context, client kubernetes.Interface, root string) {
	factory := informers.NewSharedInformerFactory(client, 10*time.Minute)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[key](
		100*time.Millisecond, 10*time.Second))
	provisioner := &provisioner{
		client:  client,
		root:    root,
		claims:  factory.Core().V1().PersistentVolumeClaims().Lister(),
		volumes: factory.Core().V1().PersistentVolumes().Lister(),
		nodes:   factory.Core().V1().Nodes().Lister(),
		classes: factory.Storage().V1().StorageClasses().Lister(),
	}
	watch(factory.Core().V1().PersistentVolumeClaims().Informer(), claimKind, queue)
	watch(factory.Core().V1().PersistentVolumes().Informer(), volumeKind, queue)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	for {
		item, shutdown := queue.Get()
		if shutdown {
			return
		}
		if err := provisioner.reconcile(ctx, item); err != nil && ctx.Err() == nil {
			log.Printf("%s %s: %v", item.kind, item.name, err)
			queue.AddRateLimited(item)
		} else {
			queue.Forget(item)
		}
		queue.Done(item)
	}
}

func watch(informer cache.SharedIndexInformer, kind string, queue workqueue.TypedRateLimitingInterface[key]) {
	add := func(object any) {
		if name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key{kind, name})
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    add,
		UpdateFunc: func(_, object any) { add(object) },
	})
	if err != nil {
		log.Fatal(err)
	}
}
