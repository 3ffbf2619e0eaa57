// A protected site as its owner would build it today: Express, and the official connector, unchanged.
//
// Only this file knows that connector. It gets its configuration from our platform, as it would from the service.

import { createHmac } from "node:crypto";
import { once } from "node:events";

import connector from "@queue-it/connector-javascript";
import express from "express";

const { KnownUser } = connector;

const NO_CACHE = {
  "Cache-Control": "no-cache, no-store, must-revalidate, max-age=0",
  Pragma: "no-cache",
  Expires: "Fri, 01 Jan 1990 00:00:00 GMT",
};

/** Downloads the account's configuration as the official connectors do. */
export function downloadConfig(world, { apiKey = world.apiKey, customerId = world.customerId, etag } = {}) {
  return fetch(`${world.platform}/status/integrationconfig/secure/${customerId}`, {
    headers: { ...(apiKey ? { "api-key": apiKey } : {}), ...(etag ? { "if-none-match": etag } : {}) },
  });
}

/** Starts the site; it ends with the test. Resolves with its address. */
export async function startOfficialSite(t, world) {
  const config = await (await downloadConfig(world)).text();
  const app = express();
  app.disable("x-powered-by");
  app.use((request, response, next) => protect(request, response, next, world, config));
  app.get("/{*path}", (request, response) => {
    response.type("html").send(`<!doctype html><title>Shop</title><h1>You are at ${request.path}</h1>`);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function protect(request, response, next, world, config) {
  try {
    const url = `${request.protocol}://${request.get("host")}${request.originalUrl}`;
    const token = request.query.queueittoken;
    const urlWithoutToken = url.replace(/([?&])queueittoken=[^&]*/i, "");
    const context = contextOf(request, response, url);
    const result = await KnownUser.validateRequestByIntegrationConfig(
      urlWithoutToken, token, config, world.customerId, world.secretKey, context, world.apiKey,
    );
    if (result.doRedirect()) {
      response.set(NO_CACHE);
      if (result.isAjaxResult) {
        const header = result.getAjaxQueueRedirectHeaderKey();
        response.set(header, result.getAjaxRedirectUrl()).set("Access-Control-Expose-Headers", header).end();
      } else {
        response.redirect(result.redirectUrl);
      }
    } else if (url !== urlWithoutToken && result.actionType === "Queue") {
      response.set(NO_CACHE).redirect(urlWithoutToken);
    } else {
      next();
    }
  } catch (error) {
    // The official advice is to let pass; in a test it has to be seen.
    next(error);
  }
}

function contextOf(request, response, url) {
  return {
    getHttpRequest: () => ({
      getUserAgent: () => request.get("user-agent") ?? "",
      getHeader: (name) => request.get(name) ?? "",
      getAbsoluteUri: () => url,
      getUserHostAddress: () => request.ip,
      getCookieValue: (name) => cookieOf(request, name),
      getRequestBodyAsString: () => "",
    }),
    getHttpResponse: () => ({
      setCookie: (name, value, domain, expires, httpOnly, secure) => {
        const attributes = { expires: new Date(expires * 1000), path: "/", httpOnly, secure };
        response.cookie(name, value, domain ? { ...attributes, domain } : attributes);
      },
    }),
    getCryptoProvider: () => ({
      getSha256Hash: (key, text) => createHmac("sha256", key).update(text).digest("hex"),
    }),
    getEnqueueTokenProvider: () => null,
  };
}

function cookieOf(request, name) {
  for (const pair of (request.get("cookie") ?? "").split(";")) {
    const [key, ...rest] = pair.trim().split("=");
    if (key === name) return decodeURIComponent(rest.join("="));
  }
  return undefined;
}
