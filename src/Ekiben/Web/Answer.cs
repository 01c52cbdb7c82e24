using System.Text.Json;

namespace Ekiben.Web;

/// <summary>What a handler answers: complete before the first byte leaves, so that it can be kept for an Idempotency-Key.</summary>
internal sealed class Answer : IResult
{
    /// <summary>Without a charset, which JSON's type does not have (RFC 8259 §11): major 0 of Bento's SDK for Node reads errors of exactly this type alone.</summary>
    private const string JsonType = "application/json";

    private Answer(int status, string contentType, byte[] body)
    {
        (Status, ContentType, Body) = (status, contentType, body);
    }

    public int Status { get; }

    public string ContentType { get; }

    public byte[] Body { get; }

    /// <summary>The time until which a repetition must find this answer, when that is later than a day from now: a <c>send_at</c> plus a day.</summary>
    public DateTimeOffset? KeepUntil { get; init; }

    /// <summary>The answer of an earlier, equal request.</summary>
    public bool Replayed { get; init; }

    public bool Succeeded => Status is >= 200 and < 300;

    public static Answer Ok<T>(T value, DateTimeOffset? keepUntil = null) =>
        new(StatusCodes.Status200OK, JsonType, JsonSerializer.SerializeToUtf8Bytes(value, ApiJson.Options)) { KeepUntil = keepUntil };

    public static Answer Created<T>(T value) =>
        new(StatusCodes.Status201Created, JsonType, JsonSerializer.SerializeToUtf8Bytes(value, ApiJson.Options));

    public static Answer Accepted<T>(T value) =>
        new(StatusCodes.Status202Accepted, JsonType, JsonSerializer.SerializeToUtf8Bytes(value, ApiJson.Options));

    public static Answer NoContent() => new(StatusCodes.Status204NoContent, JsonType, []);

    public static Answer Again(int status, string body) => new(status, JsonType, System.Text.Encoding.UTF8.GetBytes(body)) { Replayed = true };

    /// <summary>Bento's shape of an error: one sentence.</summary>
    public static Answer Error(int status, string sentence) =>
        new(status, JsonType, JsonSerializer.SerializeToUtf8Bytes(new { error = sentence }, ApiJson.Options));

    /// <summary>Our shape of an error (RFC 9457): <paramref name="code"/> is stable and for programs, <paramref name="detail"/> is for people.</summary>
    public static Answer Problem(int status, string code, string detail) =>
        new(status, "application/problem+json", JsonSerializer.SerializeToUtf8Bytes(
            new { type = "about:blank", title = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status), status, code, detail }, ApiJson.Options));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (Replayed)
        {
            response.Headers["Idempotent-Replayed"] = "true";
        }

        if (Status == StatusCodes.Status204NoContent)
        {
            return Task.CompletedTask;
        }

        response.ContentType = ContentType;
        response.ContentLength = Body.Length;
        return HttpMethods.IsHead(httpContext.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(Body, httpContext.RequestAborted).AsTask();
    }
}
