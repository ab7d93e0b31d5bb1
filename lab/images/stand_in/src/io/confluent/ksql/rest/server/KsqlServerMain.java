package io.confluent.ksql.rest.server;

import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import platform.standin.StandIn;

/** Stands in for ksqlDB's server: reads listener and key store where its settings have them. */
public final class KsqlServerMain {
    private static final Pattern REFERENCE = Pattern.compile("\\$\\{dir:([^:]+):([^}]+)\\}");

    private KsqlServerMain() {}

    /**
     * Start.
     *
     * @param arguments the file of ksqlDB's settings
     */
    public static void main(String[] arguments) throws IOException, GeneralSecurityException {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(arguments[0]))) {
            settings.load(reader);
        }
        int port = URI.create(settings.getProperty("listeners")).getPort();
        char[] password = secret(settings.getProperty("ssl.keystore.password")).toCharArray();
        KeyStore keys = KeyStore.getInstance(new File(settings.getProperty("ssl.keystore.location")), password);
        StandIn.serve(port, keys, password, "/info", "ksqlDB");
    }

    private static String secret(String reference) throws IOException {
        Matcher matcher = REFERENCE.matcher(reference);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("a password is a reference to a file");
        }
        return Files.readString(Path.of(matcher.group(1), matcher.group(2)));
    }
}
