using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Ekiben.Storage.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class Mails : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "is_stream",
                table: "broadcasts",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "mail_contents",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    site_id = table.Column<long>(type: "bigint", nullable: false),
                    digest = table.Column<byte[]>(type: "bytea", nullable: false),
                    from_email = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    from_name = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    subject = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    preview_text = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    content = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    type = table.Column<string>(type: "text", nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_mail_contents", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "mails",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    site_id = table.Column<long>(type: "bigint", nullable: false),
                    address_id = table.Column<long>(type: "bigint", nullable: false),
                    subscriber_id = table.Column<long>(type: "bigint", nullable: false),
                    content_id = table.Column<long>(type: "bigint", nullable: true),
                    personalizations = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    is_transactional = table.Column<bool>(type: "boolean", nullable: false),
                    cc = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    bcc = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    created_by = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    created_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_mails", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_broadcasts_stream",
                table: "broadcasts",
                column: "site_id",
                unique: true,
                filter: "is_stream");

            migrationBuilder.CreateIndex(
                name: "IX_mail_contents_site_id_digest",
                table: "mail_contents",
                columns: new[] { "site_id", "digest" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_mails_address_id",
                table: "mails",
                column: "address_id");

            migrationBuilder.CreateIndex(
                name: "IX_mails_content_id",
                table: "mails",
                column: "content_id");

            migrationBuilder.CreateIndex(
                name: "IX_mails_site_id_id",
                table: "mails",
                columns: new[] { "site_id", "id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "mail_contents");

            migrationBuilder.DropTable(
                name: "mails");

            migrationBuilder.DropIndex(
                name: "ix_broadcasts_stream",
                table: "broadcasts");

            migrationBuilder.DropColumn(
                name: "is_stream",
                table: "broadcasts");
        }
    }
}
