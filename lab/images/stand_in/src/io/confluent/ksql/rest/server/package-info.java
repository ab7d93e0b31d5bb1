/** Where ksqlDB's server has its main class, by whose name the platform starts it. Nothing here is ksqlDB. */
package io.confluent.ksql.rest.server;
