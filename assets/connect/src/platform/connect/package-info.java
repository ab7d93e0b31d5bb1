/** Answers Kubernetes' probes about a Kafka Connect worker, without a password and without giving anything away. */
package platform.connect;
