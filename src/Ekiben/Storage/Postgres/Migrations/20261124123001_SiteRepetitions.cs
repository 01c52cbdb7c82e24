using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class SiteRepetitions : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "recognizes_repetitions",
                table: "sites",
                type: "boolean",
                nullable: false,
                defaultValue: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "recognizes_repetitions",
                table: "sites");
        }
    }
}
