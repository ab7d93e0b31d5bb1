/**
 * Answers Kubernetes' probes from inside a Kafka JVM. {@link platform.readiness.Agent} is where it starts,
 * {@link platform.readiness.Judge} holds the rules, everything else fetches facts or carries the answer.
 */
package platform.readiness;
