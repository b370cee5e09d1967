// Go's OAuth library: a program on somebody's own machine, and one without anybody.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type order struct {
	Authorize string `json:"authorize"`
	Token     string `json:"token"`
	Document  string `json:"document"`
	Robot     string `json:"robot"`
	Resource  string `json:"resource"`
	Call      string `json:"call"`
	Browser   string `json:"browser"`
	Redirect  string `json:"redirect"`
}

// The person opens a link, and pastes where it led.
func open(browser string, link string) (url.Values, error) {
	response, err := http.Post(browser, "text/plain", strings.NewReader(link))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	led, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	back, err := url.Parse(string(led))
	if err != nil {
		return nil, err
	}
	return back.Query(), nil
}

func call(client *http.Client, at string) (string, error) {
	response, err := client.Get(at)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func code(ctx context.Context, o order) (string, error) {
	config := oauth2.Config{
		ClientID:    o.Document,
		RedirectURL: o.Redirect,
		Endpoint:    oauth2.Endpoint{AuthURL: o.Authorize, TokenURL: o.Token},
	}
	verifier := oauth2.GenerateVerifier()
	resource := oauth2.SetAuthURLParam("resource", o.Resource)
	back, err := open(o.Browser, config.AuthCodeURL("state", resource, oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return "", err
	}
	token, err := config.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	return call(config.Client(ctx, token), o.Call)
}

func credentials(ctx context.Context, o order) (string, error) {
	config := clientcredentials.Config{
		ClientID:       o.Robot,
		TokenURL:       o.Token,
		EndpointParams: url.Values{"resource": {o.Resource}},
	}
	return call(config.Client(ctx), o.Call)
}

func main() {
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		panic(err)
	}
	said := map[string]string{}
	for name, grant := range map[string]func(context.Context, order) (string, error){"code": code, "credentials": credentials} {
		text, err := grant(context.Background(), o)
		if err != nil {
			text = err.Error()
		}
		said[name] = text
	}
	line, _ := json.Marshal(said)
	fmt.Println(string(line))
}
