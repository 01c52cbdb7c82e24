using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sites;

/// <summary>Bento's route for authors; the first one sends what names no other.</summary>
internal static class BentoAuthorsApi
{
    public static void MapBentoAuthors(this RouteGroupBuilder bento) =>
        bento.Map("GET", "/fetch/authors", ListAsync).WithTags("Bento: authors").Describe("All authors; the first is the default sender", typeof(BentoList));

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new BentoList(
        [.. (await request.Db.Authors.AsNoTracking().OrderBy(author => author.Id).ToListAsync(request.Cancel)).Select(Record)]));

    private static BentoRecord Record(Author author) => new(
        author.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), "authors", new AuthorAttributes(author.Email, author.Name, author.CreatedAt));

    private sealed record AuthorAttributes(string Email, string Name, DateTimeOffset CreatedAt);
}
