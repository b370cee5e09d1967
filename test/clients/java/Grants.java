import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.id.*;
import com.nimbusds.oauth2.sdk.pkce.*;
import com.nimbusds.oauth2.sdk.token.*;
import com.nimbusds.oauth2.sdk.tokenexchange.TokenExchangeGrant;
import java.net.URI;
import java.net.http.*;
import java.util.*;

/** Nimbus's OAuth library: a program on somebody's own machine, and one with a key. */
public class Grants {
  static Map<String, Object> order;

  static URI at(String name) {
    return URI.create((String) order.get(name));
  }

  /** The person opens a link, and pastes where it led. */
  static URI browse(URI link) throws Exception {
    var request = HttpRequest.newBuilder(at("browser")).POST(HttpRequest.BodyPublishers.ofString(link.toString()));
    var response = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
    return URI.create(response.body());
  }

  static PrivateKeyJWT robot() throws Exception {
    var key = ECKey.parse(JSONObjectUtils.toJSONString(JSONObjectUtils.parse((String) order.get("jwk"))));
    var id = new ClientID((String) order.get("robot"));
    return new PrivateKeyJWT(id, at("token"), JWSAlgorithm.ES256, key.toECPrivateKey(), null, null);
  }

  static String code() throws Exception {
    var client = new ClientID((String) order.get("document"));
    var verifier = new CodeVerifier();
    var asking = new AuthorizationRequest.Builder(ResponseType.CODE, client)
        .endpointURI(at("authorize")).redirectionURI(at("redirect")).state(new State())
        .codeChallenge(verifier, CodeChallengeMethod.S256).resource(at("resource")).build();
    var back = AuthorizationResponse.parse(browse(asking.toURI()));
    if (!back.indicatesSuccess()) return back.toErrorResponse().getErrorObject().toString();
    var grant = new AuthorizationCodeGrant(back.toSuccessResponse().getAuthorizationCode(), at("redirect"), verifier);
    return call(new TokenRequest.Builder(at("token"), client, grant).build());
  }

  static String credentials() throws Exception {
    return call(new TokenRequest.Builder(at("token"), robot(), new ClientCredentialsGrant())
        .resources(at("resource")).build());
  }

  static String exchange() throws Exception {
    var grant = new TokenExchangeGrant(new BearerAccessToken((String) order.get("session")), TokenTypeURI.ACCESS_TOKEN);
    return call(new TokenRequest.Builder(at("token"), robot(), grant).resources(at("resource")).build());
  }

  static String call(TokenRequest asking) throws Exception {
    var response = TokenResponse.parse(asking.toHTTPRequest().send());
    if (!response.indicatesSuccess()) {
      var error = response.toErrorResponse().getErrorObject();
      return error.getCode() + ": " + error.getDescription();
    }
    var call = new HTTPRequest(HTTPRequest.Method.GET, at("call"));
    call.setAuthorization(response.toSuccessResponse().getTokens().getAccessToken().toAuthorizationHeader());
    return call.send().getBody();
  }

  interface Grant { String take() throws Exception; }

  public static void main(String[] args) throws Exception {
    order = JSONObjectUtils.parse(args[0]);
    var said = new LinkedHashMap<String, Object>();
    var grants = new LinkedHashMap<String, Grant>();
    grants.put("code", Grants::code);
    grants.put("credentials", Grants::credentials);
    grants.put("exchange", Grants::exchange);
    for (var each : grants.entrySet()) {
      try {
        said.put(each.getKey(), each.getValue().take());
      } catch (Exception error) {
        said.put(each.getKey(), error.toString());
      }
    }
    System.out.println(JSONObjectUtils.toJSONString(said));
  }
}
