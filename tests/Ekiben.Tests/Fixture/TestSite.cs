using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Tests.Fixture;

/// <summary>A site and a client that speaks as its key.</summary>
internal sealed class TestSite
{
    public TestSite(EkibenApp app, Site site, string publishableKey, string secretKey)
    {
        (App, Site, PublishableKey, SecretKey) = (app, site, publishableKey, secretKey);
        Client = NewClient(publishableKey, secretKey);
    }

    public EkibenApp App { get; }

    public Site Site { get; }

    public SiteId Id => Site.Id;

    public string Uuid => Site.Uuid;

    public string PublishableKey { get; }

    public string SecretKey { get; }

    public HttpClient Client { get; private set; }

    /// <summary>A client with other credentials, or none.</summary>
    public HttpClient NewClient(string? publishable, string? secret)
    {
        var client = new HttpClient { BaseAddress = App.Address };
        if (publishable is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{publishable}:{secret}")));
        }

        return client;
    }

    /// <summary>After a restart of the server, whose port changed.</summary>
    public void Reconnect() => Client = NewClient(PublishableKey, SecretKey);

    public Task<Reply> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Reply> PostAsync(string path, object? body = null, string? idempotencyKey = null) => SendAsync(HttpMethod.Post, path, body, idempotencyKey);

    public Task<Reply> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<Reply> PatchAsync(string path, object body) => SendAsync(HttpMethod.Patch, path, body);

    public Task<Reply> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    /// <summary>A text is sent as it is, anything else as JSON.</summary>
    public async Task<Reply> SendAsync(HttpMethod method, string path, object? body = null, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        }

        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await Reply.OfAsync(await Client.SendAsync(request, TestContext.Current.CancellationToken));
    }

    /// <summary>Posts one broadcast and returns the whole answer.</summary>
    public Task<Reply> CreateAsync(params object[] items) => PostAsync("/api/v1/batch/broadcasts", new { broadcasts = items });

    /// <summary>Posts broadcasts that must all be taken, and returns the id of the first.</summary>
    public async Task<string> CreatedAsync(params object[] items)
    {
        var reply = await CreateAsync(items);
        Assert.True(reply.Json.GetProperty("failed").GetInt32() == 0, reply.Text);
        return reply.Json.GetProperty("broadcasts")[0].GetProperty("id").GetInt64().ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Imports people by Bento's batch route; all must be taken.</summary>
    public async Task ImportAsync(params object[] people)
    {
        foreach (var batch in people.Chunk(1000))
        {
            var reply = await PostAsync("/api/v1/batch/subscribers", new { subscribers = batch });
            Assert.True(reply.Json.GetProperty("failed").GetInt32() == 0, reply.Text);
        }
    }
}

/// <summary>An answer, read to its end.</summary>
internal sealed record Reply(HttpStatusCode Status, string Text, HttpResponseHeaders Headers, string? ContentType)
{
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Text);
            return document.RootElement.Clone();
        }
    }

    public string Error => Json.GetProperty("error").GetString()!;

    public string Code => Json.GetProperty("code").GetString()!;

    public static async Task<Reply> OfAsync(HttpResponseMessage response)
    {
        using (response)
        {
            return new Reply(
                response.StatusCode,
                await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                response.Headers,
                response.Content.Headers.ContentType?.MediaType);
        }
    }
}
