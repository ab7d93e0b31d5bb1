/** Answers Kubernetes' probes about a Kafka Connect worker, and restarts what failed on it. */
package platform.connect;
