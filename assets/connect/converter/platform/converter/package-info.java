/** A converter for Kafka Connect that tells a schema registry's failures from a record's. */
package platform.converter;
