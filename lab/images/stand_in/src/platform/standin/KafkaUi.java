package platform.standin;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Stands in for Kafka UI's {@code /api.jar}: reads port, certificate and key where its settings have them. */
public final class KafkaUi {
    private static final String SETTINGS = "--spring.config.additional-location=file:";

    private KafkaUi() {}

    /**
     * Start.
     *
     * @param arguments Kafka UI's own
     */
    public static void main(String[] arguments) throws IOException, GeneralSecurityException {
        if (arguments.length != 1 || !arguments[0].startsWith(SETTINGS)) {
            throw new IllegalArgumentException("expected " + SETTINGS + "FILE");
        }
        String settings = Files.readString(Path.of(arguments[0].substring(SETTINGS.length())));
        byte[] chain = Files.readAllBytes(Path.of(found(settings, "\"certificate\": \"file:([^\"]+)\"")));
        String key = Files.readString(Path.of(found(settings, "\"certificate-private-key\": \"file:([^\"]+)\"")));
        int port = Integer.parseInt(found(settings, "\"server\": \\{\\s*\"port\": (\\d+)"));
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        Certificate[] certificates =
                factory.generateCertificates(new ByteArrayInputStream(chain)).toArray(new Certificate[0]);
        char[] password = new char[0];
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, password);
        keys.setKeyEntry("server", privateKey(key, certificates[0]), password, certificates);
        StandIn.serve(port, keys, password, "/actuator/health", "Kafka UI");
    }

    private static PrivateKey privateKey(String pem, Certificate certificate) throws GeneralSecurityException {
        String encoded = found(pem, "-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");
        byte[] bytes = Base64.getMimeDecoder().decode(encoded.getBytes(StandardCharsets.US_ASCII));
        KeyFactory factory = KeyFactory.getInstance(certificate.getPublicKey().getAlgorithm());
        return factory.generatePrivate(new PKCS8EncodedKeySpec(bytes));
    }

    private static String found(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        if (!matcher.find()) {
            throw new IllegalArgumentException("there is nothing like " + pattern);
        }
        return matcher.group(1);
    }
}
